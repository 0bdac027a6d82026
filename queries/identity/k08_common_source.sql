-- K8 common source: two accounts in two tenants carry the same on-premises SID or the same immutable id: one on-premises
-- person synchronised into both.
--
-- Proves     that both came from one object of one on-premises directory.
-- Written by the synchronisation of both tenants; but the resource tenant's administrators can type the value, so it counts as
--            theirs and never makes a link alone.
-- Wrong if   the value is set by hand in a tenant without synchronisation, or two accounts of one tenant carry it: then there is
--            no evidence. Neither account is a guest; the link runs from the secondary tenant to the primary one, and between
--            two of one role to the smaller tenant id, so that it never runs both ways.
WITH marks AS (
    SELECT tenant, object, concat('sid ', onprem_sid) AS mark, valid_from, valid_until
    FROM accounts
    WHERE onprem_sid IS NOT NULL AND side = 'home'
    UNION ALL
    SELECT tenant, object, concat('immutable id ', immutable_id), valid_from, valid_until
    FROM accounts
    WHERE immutable_id IS NOT NULL AND side = 'home'
),
sole AS (
    SELECT m.tenant, t.role, m.mark, min(m.object) AS object, min(m.valid_from) AS valid_from,
           max(m.valid_until) AS valid_until
    FROM marks m
    LEFT JOIN tenants t ON t.tenant = m.tenant
    GROUP BY m.tenant, t.role, m.mark
    HAVING min(m.object) = max(m.object)
)
SELECT g.tenant AS account_tenant,
       g.object AS account_object,
       h.tenant AS home_tenant,
       h.object AS home_object,
       'common_source' AS kind,
       min(g.valid_from) AS valid_from,
       max(g.valid_until) AS valid_until,
       min(g.mark) AS source
FROM sole g
JOIN sole h ON h.mark = g.mark
WHERE g.tenant <> h.tenant
  AND ((h.role = 'primary' AND g.role = 'secondary')
    OR (coalesce(h.role, '') = coalesce(g.role, '') AND h.tenant < g.tenant))
GROUP BY g.tenant, g.object, h.tenant, h.object
