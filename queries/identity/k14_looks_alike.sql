-- K14 looks alike: one account in each of two tenants bears a display name.
--
-- Proves     nothing: it tells a reader where to look, and lends a little to what other evidence says. Never alone.
-- Written by anyone who may change a display name, in most tenants the users themselves.
-- Wrong if   two people share a name, which is why it weighs next to nothing; a name that two accounts of one tenant bear says
--            nothing at all.
-- Devices are not compared: no log names a device of another tenant (docs/adr/0018).
WITH shown AS (
    SELECT tenant, display, min(object) AS object,
           min(CASE side WHEN 'home' THEN 0 WHEN 'satellite' THEN 1 ELSE 2 END) AS side, min(valid_from) AS valid_from,
           max(valid_until) AS valid_until
    FROM accounts
    WHERE display IS NOT NULL
    GROUP BY tenant, display
    HAVING count(*) = 1
),
sole AS (
    SELECT s.tenant, t.role, s.display, s.object, s.side, s.valid_from, s.valid_until
    FROM shown s
    LEFT JOIN tenants t ON t.tenant = s.tenant
    WHERE s.side < 2
)
SELECT g.tenant AS account_tenant,
       g.object AS account_object,
       h.tenant AS home_tenant,
       h.object AS home_object,
       'looks_alike' AS kind,
       1 AS candidates,
       CASE WHEN g.valid_from > h.valid_from THEN g.valid_from ELSE h.valid_from END AS valid_from,
       g.valid_until,
       concat('display name ', a.display_text) AS source
FROM sole g
JOIN sole h ON h.display = g.display
JOIN accounts a ON a.tenant = g.tenant AND a.object = g.object
WHERE g.tenant <> h.tenant AND h.side = 0
  AND (g.side = 1 OR (g.role = 'secondary' AND h.role = 'primary'))
  AND h.valid_from < g.valid_until AND g.valid_from < h.valid_until
