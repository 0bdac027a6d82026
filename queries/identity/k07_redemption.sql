-- K7 redemption: an invitation to an address of exactly one home user was redeemed, and the account made for it then signed in
-- from that user's tenant, under no other name than that user's.
--
-- Proves     that whoever received the invitation accepted it with an account of the home tenant.
-- Written by Entra: the audit log of the resource tenant (invitation, redemption) and its sign-in log (home tenant).
-- Wrong if   somebody else of the same tenant redeemed it. A sign-in under any name that is not the invited user's, or that is
--            a name of another home user then, alias or not, therefore speaks against all of it; an invitation counts only until the
--            account is invited again.
WITH invited AS (
    SELECT tenant, object, address, time, id,
           lag(address) OVER (PARTITION BY tenant, object ORDER BY time, address, id) AS before
    FROM invitations
),
turns AS (
    SELECT tenant, object, address, time AS first, id,
           lead(time) OVER (PARTITION BY tenant, object ORDER BY time, address, id) AS after
    FROM invited
    WHERE before IS NULL OR before <> address
),
redeemed AS (
    SELECT t.tenant, t.object, t.address, t.first, t.id, coalesce(t.after, 9223372036854775807) AS after
    FROM turns t
    JOIN invitations r ON r.tenant = t.tenant AND r.object = t.object
    WHERE r.redeemed AND r.time >= t.first AND r.time < coalesce(t.after, 9223372036854775807)
    GROUP BY t.tenant, t.object, t.address, t.first, t.id, t.after
),
sole AS (
    SELECT r.tenant, r.object, r.first, r.after, r.id, h.tenant AS home, min(h.object) AS bearer
    FROM redeemed r
    JOIN names h ON h.name = r.address
    JOIN domains d ON d.tenant = h.tenant AND d.domain = h.domain
    WHERE h.tenant <> r.tenant AND h.side <> 'satellite' AND h.valid_from <= r.first AND h.valid_until > r.first
    GROUP BY r.tenant, r.object, r.first, r.after, r.id, h.tenant
    HAVING min(h.object) = max(h.object)
),
seen AS (
    SELECT s.tenant, s.object, s.home, s.bearer, s.first, s.id, i.upn, min(i.time) AS opened, max(i.time) AS last
    FROM sole s
    JOIN sign_ins i ON i.log = s.tenant AND i.object = s.object AND i.home = s.home
    WHERE i.log = i.resource AND i.success AND i.time >= s.first AND i.time < s.after
      AND i.access <> 'direct_connect' AND i.access <> 'delegated'
    GROUP BY s.tenant, s.object, s.home, s.bearer, s.first, s.id, i.upn
),
named AS (
    SELECT s.tenant, s.object, s.home, s.bearer, s.first, s.id, s.upn, s.opened, s.last,
           max(CASE WHEN s.upn IS NULL OR n.object IS NOT NULL THEN 1 ELSE 0 END) AS own
    FROM seen s
    LEFT JOIN names n ON n.tenant = s.home AND n.object = s.bearer AND n.name = s.upn
    GROUP BY s.tenant, s.object, s.home, s.bearer, s.first, s.id, s.upn, s.opened, s.last
),
others AS (
    SELECT s.tenant, s.object, s.home, s.bearer, s.first
    FROM named s
    WHERE s.own = 0
    UNION
    SELECT s.tenant, s.object, s.home, s.bearer, s.first
    FROM seen s
    JOIN names n ON n.tenant = s.home AND n.name = s.upn
    WHERE n.side <> 'satellite' AND n.object <> s.bearer
      AND n.valid_from <= s.last AND n.valid_until > s.opened
)
SELECT s.tenant AS account_tenant,
       s.object AS account_object,
       s.home AS home_tenant,
       s.bearer AS home_object,
       'redemption' AS kind,
       1 AS candidates,
       min(s.opened) AS valid_from,
       max(s.last) + 1 AS valid_until,
       min(s.id) AS source
FROM named s
LEFT JOIN others o
  ON o.tenant = s.tenant AND o.object = s.object AND o.home = s.home AND o.bearer = s.bearer AND o.first = s.first
WHERE o.tenant IS NULL
GROUP BY s.tenant, s.object, s.home, s.bearer
