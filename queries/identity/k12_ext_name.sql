-- K12 #EXT# name: the guest's user principal name, decoded, is a name of exactly one home user.
--
-- Proves     which address was invited, or which name was synchronised, when the account was made. It never changes after.
-- Written by the resource tenant's directory, from what the inviter typed: the weakest evidence, never enough alone.
-- Wrong if   the account was redeemed by somebody else, the invitation was sent again elsewhere, or the name has a new bearer:
--            what counts is who bore it at home when the guest was made.
--
-- `@` becomes `_` and nothing else changes (exports.md 7.3), so instead of guessing which underscore it was, every home name
-- is encoded and compared; two home users with one encoding are ambiguous. User principal names go before addresses.
WITH guests AS (
    SELECT tenant, object, name, regexp_replace(name, '#ext#@[^@]*$', '') AS prefix,
           min(valid_from) AS valid_from, max(valid_until) AS valid_until
    FROM names
    WHERE side = 'satellite' AND ext
    GROUP BY tenant, object, name
),
homes AS (
    SELECT n.tenant, n.object, replace(n.name, '@', '_') AS prefix,
           CASE WHEN n.source = 'upn' THEN 0 ELSE 1 END AS turn, n.valid_from, n.valid_until
    FROM names n
    JOIN domains d ON d.tenant = n.tenant AND d.domain = n.domain
    WHERE n.side <> 'satellite'
),
met AS (
    SELECT g.tenant, g.object, g.name, g.valid_from, g.valid_until, h.tenant AS home, h.turn,
           min(h.object) AS bearer, CASE WHEN min(h.object) = max(h.object) THEN 1 ELSE 2 END AS candidates
    FROM guests g
    JOIN homes h ON h.prefix = g.prefix
    WHERE h.tenant <> g.tenant
      AND (g.valid_from = -9223372036854775807 - 1 OR (h.valid_from <= g.valid_from AND h.valid_until > g.valid_from))
    GROUP BY g.tenant, g.object, g.name, g.valid_from, g.valid_until, h.tenant, h.turn
),
best AS (
    SELECT tenant, object, name, home, min(turn) AS turn
    FROM met
    GROUP BY tenant, object, name, home
)
SELECT m.tenant AS account_tenant,
       m.object AS account_object,
       m.home AS home_tenant,
       m.bearer AS home_object,
       'ext_name' AS kind,
       m.candidates,
       m.valid_from,
       m.valid_until,
       concat('directory ', m.name) AS source
FROM met m
JOIN best b ON b.tenant = m.tenant AND b.object = m.object AND b.name = m.name AND b.home = m.home AND b.turn = m.turn
