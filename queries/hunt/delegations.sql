-- Which tenants act on whose subscriptions with tokens of their own, by the managing tenant.
-- A token that another tenant issued is a delegation: Lighthouse, a partner's administration, or a support case. The callers are
-- counted as objects of the managing tenant; of calls within an hour only the first and the last are known here.
SELECT c.tenant, c.tenant_id, coalesce(c.caller_tenant, c.caller_tenant_id) AS managing_tenant, c.caller_tenant_id AS managing_tenant_id,
       count(DISTINCT c.caller_object_id) AS callers, min(c."time") AS first_seen, max(c."time") AS last_seen
FROM callers c
WHERE c.caller_tenant_id <> c.tenant_id
GROUP BY c.tenant, c.tenant_id, coalesce(c.caller_tenant, c.caller_tenant_id), c.caller_tenant_id
ORDER BY c.tenant, callers DESC, managing_tenant, managing_tenant_id
