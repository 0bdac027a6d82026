-- Which persons were active in a tenant other than their own: by sign-in, by delegation, or by calls of the control plane.
-- An account counts for its person while an accepted link holds; a guest whose home is not known stands for itself and is not
-- listed. A delegated caller is the home account itself.
WITH acts AS (
    SELECT tenant, tenant_id, tenant_id AS account_tenant_id, object_id, "time", 'sign_in' AS how
    FROM sign_ins WHERE success AND object_id IS NOT NULL
    UNION ALL
    SELECT tenant, tenant_id, caller_tenant_id, caller_object_id, "time",
           CASE WHEN caller_tenant_id = tenant_id THEN 'control_plane' ELSE 'delegation' END
    FROM callers WHERE caller_object_id IS NOT NULL
)
SELECT p.person_upn, p.person, a.tenant, a.how, count(*) AS times, min(a."time") AS first_seen, max(a."time") AS last_seen
FROM acts a
JOIN persons p ON p.tenant_id = a.account_tenant_id AND p.object_id = a.object_id
              AND (p.valid_from IS NULL OR a."time" >= p.valid_from) AND (p.valid_until IS NULL OR a."time" < p.valid_until)
WHERE p.person NOT LIKE concat(a.tenant_id, '/%')
GROUP BY p.person_upn, p.person, a.tenant, a.how
ORDER BY p.person_upn, p.person, a.tenant, a.how
