-- K13 naming rule: a member of the resource tenant bears the name that an agreed rule gives to the twin of exactly one home
-- user: prefix, local part of the home user's name, suffix.
--
-- Proves     that somebody in the resource tenant named an account as twins are named there.
-- Written by whoever administers the resource tenant, under the operator's rule: never enough alone.
-- Wrong if   somebody takes a twin's name without being the person, or two bear it: two accounts that the rule joins to one
--            name, on either side, are ambiguous. The home name lies in a domain that is verified in the home tenant.
WITH homes AS (
    SELECT r.home, r.resource, r.prefix, r.suffix, concat(r.prefix, split_part(n.name_text, '@', 1), r.suffix) AS twin,
           min(n.object) AS bearer, CASE WHEN min(n.object) = max(n.object) THEN 1 ELSE 2 END AS bearers,
           min(n.valid_from) AS valid_from, max(n.valid_until) AS valid_until
    FROM naming r
    JOIN names n ON n.tenant = r.home
    JOIN domains d ON d.tenant = n.tenant AND d.domain = n.domain
    WHERE n.source = 'upn' AND n.side = 'home'
    GROUP BY r.home, r.resource, r.prefix, r.suffix, concat(r.prefix, split_part(n.name_text, '@', 1), r.suffix)
),
twins AS (
    SELECT n.tenant, n.object, split_part(n.name_text, '@', 1) AS twin, min(n.name_text) AS name,
           min(n.valid_from) AS valid_from, max(n.valid_until) AS valid_until
    FROM names n
    WHERE n.source = 'upn' AND n.side = 'home' AND n.tenant IN (SELECT resource FROM naming)
    GROUP BY n.tenant, n.object, split_part(n.name_text, '@', 1)
),
counted AS (
    SELECT tenant, twin, CASE WHEN count(*) = 1 THEN 1 ELSE 2 END AS bearers
    FROM twins
    GROUP BY tenant, twin
)
SELECT t.tenant AS account_tenant,
       t.object AS account_object,
       h.home AS home_tenant,
       h.bearer AS home_object,
       'naming_rule' AS kind,
       CASE WHEN c.bearers > h.bearers THEN c.bearers ELSE h.bearers END AS candidates,
       CASE WHEN t.valid_from > h.valid_from THEN t.valid_from ELSE h.valid_from END AS valid_from,
       t.valid_until,
       concat('naming rule ', h.prefix, '*', h.suffix, ' ', t.name) AS source
FROM twins t
JOIN counted c ON c.tenant = t.tenant AND c.twin = t.twin
JOIN homes h ON h.resource = t.tenant AND h.twin = t.twin
WHERE h.home <> t.tenant AND h.valid_from < t.valid_until AND t.valid_from < h.valid_until
