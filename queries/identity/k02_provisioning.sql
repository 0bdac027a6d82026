-- K2 provisioning: a provisioning row of the home tenant names the source object and the target object made of it.
--
-- Proves     the link itself: Entra's synchronisation created or updated the target account from the source account.
-- Written by the provisioning service, in the home tenant's log; only who may run synchronisation there can cause a row.
-- Wrong if   a job runs the other way round, into accounts that are at home in their tenant: a target that its directory
--            shows as a member of its own is therefore no satellite, and a source that is a guest is no home. Where no
--            directory shows the target, only a job of a primary tenant counts; and where the row does not name the target's
--            tenant, too: whoever runs a job can point it at a service of their own, which answers with any object id.
WITH made AS (
    SELECT p.source_tenant, p.source_object,
           coalesce(p.target_tenant, a.tenant) AS target_tenant, p.target_object,
           p.time, p.id
    FROM provisioning p
    LEFT JOIN accounts a
      ON a.object = p.target_object
     AND (p.target_tenant IS NULL OR p.target_tenant = a.tenant)
    LEFT JOIN tenants s ON s.tenant = p.source_tenant
    WHERE (a.side = 'satellite' AND (p.target_tenant IS NOT NULL OR s.role = 'primary'))
       OR (a.side IS NULL AND s.role = 'primary')
)
SELECT target_tenant AS account_tenant,
       target_object AS account_object,
       source_tenant AS home_tenant,
       source_object AS home_object,
       'provisioning' AS kind,
       1 AS candidates,
       min(time) AS valid_from,
       max(time) + 1 AS valid_until,
       min(id) AS source
FROM made
WHERE target_tenant IS NOT NULL AND target_tenant <> source_tenant
GROUP BY target_tenant, target_object, source_tenant, source_object
