-- K8 common source: two accounts in two tenants carry the same on-premises SID or the same immutable id: one on-premises
-- person synchronised into both.
--
-- Proves     that both came from one object of one on-premises directory.
-- Written by the synchronisation of both tenants; but the resource tenant's administrators can type the value, so it counts as
--            theirs and never makes a link alone.
-- Wrong if   the value is set by hand in a tenant without synchronisation, or two accounts of one tenant carry it: then it is
--            ambiguous. Neither account is a guest; the link runs from the secondary tenant to the primary one, and between
--            two of one role to the smaller tenant id, so that it never runs both ways.
--
-- Of several bearers only counts that they are several: a value that everybody bears then costs a change no more than another.
WITH marks AS (
    SELECT tenant, object, 'sid ' AS what, onprem_sid AS mark, onprem_sid_text AS mark_text, valid_from, valid_until
    FROM accounts
    WHERE onprem_sid IS NOT NULL AND side = 'home'
    UNION ALL
    SELECT tenant, object, 'immutable id ', immutable_id, immutable_id_text, valid_from, valid_until
    FROM accounts
    WHERE immutable_id IS NOT NULL AND side = 'home'
),
bearers AS (
    SELECT m.tenant, t.role, m.what, m.mark, min(m.object) AS object, count(*) AS bearers,
           min(m.valid_from) AS valid_from, max(m.valid_until) AS valid_until
    FROM marks m
    LEFT JOIN tenants t ON t.tenant = m.tenant
    GROUP BY m.tenant, t.role, m.what, m.mark
),
couples AS (
    SELECT g.tenant, g.what, g.mark, h.tenant AS home, h.object AS bearer, h.valid_from, h.valid_until,
           CASE WHEN g.bearers = 1 AND h.bearers = 1 THEN 1 ELSE 2 END AS candidates
    FROM bearers g
    JOIN bearers h ON h.mark = g.mark AND h.what = g.what
    WHERE g.tenant <> h.tenant
      AND ((h.role = 'primary' AND g.role = 'secondary')
        OR (coalesce(h.role, '') = coalesce(g.role, '') AND h.tenant < g.tenant))
)
SELECT m.tenant AS account_tenant,
       m.object AS account_object,
       c.home AS home_tenant,
       c.bearer AS home_object,
       'common_source' AS kind,
       c.candidates,
       CASE WHEN c.candidates = 1 AND c.valid_from > m.valid_from THEN c.valid_from ELSE m.valid_from END AS valid_from,
       m.valid_until,
       concat(m.what, m.mark_text) AS source
FROM couples c
JOIN marks m ON m.tenant = c.tenant AND m.mark = c.mark AND m.what = c.what
WHERE c.candidates > 1 OR (c.valid_from < m.valid_until AND m.valid_from < c.valid_until)
