-- Accounts from elsewhere whose home is not known, by tenant and by the reason why not.
-- `no_evidence` means that nothing was found for or against any home: often the home tenant's sign-ins or directory are missing
-- from the captures. An account with several reasons is counted under each.
WITH unresolved AS (
    SELECT tenant, tenant_id, object_id, kind
    FROM accounts
    WHERE latest AND valid_until IS NULL AND kind IN ('external_guest', 'external_member')
      AND home_account(tenant_id, object_id) IS NULL
),
reasons AS (
    SELECT DISTINCT tenant_id, object_id, home_tenant, reason FROM refusals WHERE valid_until IS NULL
)
SELECT u.tenant, u.kind, coalesce(r.reason, 'no_evidence') AS reason, r.home_tenant AS would_be_home,
       count(DISTINCT u.object_id) AS accounts
FROM unresolved u
LEFT JOIN reasons r ON r.tenant_id = u.tenant_id AND r.object_id = u.object_id
GROUP BY u.tenant, u.kind, coalesce(r.reason, 'no_evidence'), r.home_tenant
ORDER BY u.tenant, accounts DESC, u.kind, reason, would_be_home
