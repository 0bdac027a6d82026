-- K13 naming rule: a member of the resource tenant bears the name that an agreed rule gives to the twin of exactly one home
-- user: prefix, local part of the home user's name, suffix.
--
-- Proves     that somebody in the resource tenant named an account as twins are named there.
-- Written by whoever administers the resource tenant, under the operator's rule: never enough alone.
-- Wrong if   somebody takes a twin's name without being the person, or two bear it: two accounts that the rule joins to one
--            name, on either side, are ambiguous. The home name lies in a domain that is verified in the home tenant.
WITH twins AS (
    SELECT r.home, r.prefix, r.suffix, n.tenant, n.object, split_part(n.name_text, '@', 1) AS twin,
           min(n.name_text) AS name, min(n.valid_from) AS valid_from, max(n.valid_until) AS valid_until
    FROM naming r
    JOIN names n ON n.tenant = r.resource
    WHERE n.source = 'upn' AND n.side = 'home' AND r.home <> r.resource
      AND starts_with(split_part(n.name_text, '@', 1), r.prefix)
      AND right(split_part(n.name_text, '@', 1), length(r.suffix)) = r.suffix
      AND length(split_part(n.name_text, '@', 1)) >= length(r.prefix) + length(r.suffix)
    GROUP BY r.home, r.prefix, r.suffix, n.tenant, n.object, split_part(n.name_text, '@', 1)
),
cores AS (
    SELECT home, prefix, suffix, tenant, object, twin, name, valid_from, valid_until,
           substr(twin, length(prefix) + 1, length(twin) - length(prefix) - length(suffix)) AS core
    FROM twins
),
homes AS (
    SELECT n.tenant, n.object, split_part(n.name_text, '@', 1) AS core, n.valid_from, n.valid_until
    FROM names n
    JOIN domains d ON d.tenant = n.tenant AND d.domain = n.domain
    WHERE n.source = 'upn' AND n.side = 'home'
),
met AS (
    SELECT t.home, t.prefix, t.suffix, t.tenant, t.object, t.twin, t.name, t.valid_from, t.valid_until,
           min(h.object) AS bearer, CASE WHEN min(h.object) = max(h.object) THEN 1 ELSE 2 END AS bearers,
           min(h.valid_from) AS borne_from, max(h.valid_until) AS borne_until
    FROM cores t
    JOIN homes h ON h.tenant = t.home AND h.core = t.core
    GROUP BY t.home, t.prefix, t.suffix, t.tenant, t.object, t.twin, t.name, t.valid_from, t.valid_until
),
counted AS (
    SELECT home, prefix, suffix, tenant, object, name, valid_from, valid_until, bearer, bearers, borne_from, borne_until,
           count(*) OVER (PARTITION BY home, prefix, suffix, tenant, twin) AS twins
    FROM met
)
SELECT tenant AS account_tenant,
       object AS account_object,
       home AS home_tenant,
       bearer AS home_object,
       'naming_rule' AS kind,
       CASE WHEN twins > 1 THEN 2 ELSE bearers END AS candidates,
       CASE WHEN valid_from > borne_from THEN valid_from ELSE borne_from END AS valid_from,
       valid_until,
       concat('naming rule ', prefix, '*', suffix, ' ', name) AS source
FROM counted
WHERE borne_from < valid_until AND valid_from < borne_until
