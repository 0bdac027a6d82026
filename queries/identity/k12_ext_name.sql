-- K12 #EXT# name: the guest's user principal name, decoded, is a name of exactly one home user.
--
-- Proves     which address was invited, or which name was synchronised, when the account was made. It never changes after.
-- Written by the resource tenant's directory, from what the inviter typed: the weakest evidence, never enough alone.
-- Wrong if   the account was redeemed by somebody else, the invitation was sent again elsewhere, or the name has a new bearer:
--            what counts is who bore it at home when the guest was made.
--
-- `@` becomes `_` and nothing else changes (exports.md 7.3), so instead of guessing which underscore it was, every home name
-- is encoded and compared (`encoded`); two home users with one encoding are ambiguous. User principal names go before addresses.
WITH guests AS (
    SELECT tenant, object, name, name_text, encoded,
           min(valid_from) AS valid_from, max(valid_until) AS valid_until
    FROM names
    WHERE side = 'satellite' AND ext
    GROUP BY tenant, object, name, name_text, encoded
),
met AS (
    SELECT g.tenant, g.object, h.tenant AS home, g.name_text, g.valid_from, g.valid_until,
           min(h.object) AS least, max(h.object) AS greatest,
           min(CASE WHEN h.source = 'upn' THEN h.object END) AS least_upn,
           max(CASE WHEN h.source = 'upn' THEN h.object END) AS greatest_upn
    FROM guests g
    JOIN names h ON h.encoded = g.encoded
    JOIN domains d ON d.tenant = h.tenant AND d.domain = h.domain
    WHERE h.tenant <> g.tenant AND h.side <> 'satellite'
      AND (g.valid_from = -9223372036854775807 - 1 OR (h.valid_from <= g.valid_from AND h.valid_until > g.valid_from))
    GROUP BY g.tenant, g.object, g.name, g.name_text, g.valid_from, g.valid_until, h.tenant
)
SELECT tenant AS account_tenant,
       object AS account_object,
       home AS home_tenant,
       coalesce(least_upn, least) AS home_object,
       'ext_name' AS kind,
       CASE WHEN coalesce(least_upn, least) = coalesce(greatest_upn, greatest) THEN 1 ELSE 2 END AS candidates,
       valid_from,
       valid_until,
       concat('directory ', name_text) AS source
FROM met
