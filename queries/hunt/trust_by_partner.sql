-- What each tenant last set for each partner in its cross-tenant access settings, by whom, and whether anybody comes from there.
-- Known from the audit rows in the captures: a setting that was not changed meanwhile is not here, and one that went with the
-- partner's settings is not shown. Values stand as the rows write them.
WITH gone AS (SELECT tenant_id, partner_id, max("time") AS at FROM partner_policies WHERE removed GROUP BY tenant_id, partner_id),
     told AS (
         SELECT tenant, tenant_id, partner, partner_id, setting, before, after, "time" AS since, by_upn,
                row_number() OVER (PARTITION BY tenant_id, partner_id, setting ORDER BY "time" DESC, id, after) AS age
         FROM partner_policies WHERE NOT removed
     ),
     guests AS (
         SELECT resource_tenant_id, home_tenant_id, count(*) AS sign_ins, max("time") AS last_sign_in
         FROM sign_ins WHERE success GROUP BY resource_tenant_id, home_tenant_id
     )
SELECT t.tenant, t.partner, t.partner_id, t.setting, t.before, t.after, t.since, t.by_upn AS set_by,
       coalesce(g.sign_ins, 0) AS sign_ins_from_there, g.last_sign_in
FROM told t
LEFT JOIN gone ON gone.tenant_id = t.tenant_id AND gone.partner_id = t.partner_id
LEFT JOIN guests g ON g.resource_tenant_id = t.tenant_id AND g.home_tenant_id = t.partner_id
WHERE t.age = 1 AND (gone.at IS NULL OR t.since > gone.at)
ORDER BY t.tenant, t.partner, t.partner_id, t.setting
