-- K7 redemption: an invitation to an address of exactly one home user was redeemed, and the account made for it then signed in
-- from that user's tenant, under no other name than that user's.
--
-- Proves     that whoever received the invitation accepted it with an account of the home tenant.
-- Written by Entra: the audit log of the resource tenant (invitation, redemption) and its sign-in log (home tenant).
-- Wrong if   somebody else of the same tenant redeemed it. A sign-in under any name that is not the invited user's, or that is
--            a name of another home user then, alias or not, therefore speaks against all of it; an invitation counts only until the
--            account is invited again.
WITH ever AS (
    SELECT tenant, object, min(address) AS least, max(address) AS greatest, min(time) AS first,
           max(CASE WHEN redeemed THEN 1 ELSE 0 END) AS redeemed
    FROM invitations
    GROUP BY tenant, object
),
-- Nearly every account is invited to one address: only the others are worth sorting.
invited AS (
    SELECT i.tenant, i.object, i.address, i.time, i.id,
           lag(i.address) OVER (PARTITION BY i.tenant, i.object ORDER BY i.time, i.address, i.id) AS before
    FROM ever e
    JOIN invitations i ON i.tenant = e.tenant AND i.object = e.object
    WHERE e.least <> e.greatest
),
turns AS (
    SELECT tenant, object, address, time AS first, id,
           lead(time) OVER (PARTITION BY tenant, object ORDER BY time, address, id) AS after
    FROM invited
    WHERE before IS NULL OR before <> address
),
redeemed AS (
    SELECT e.tenant, e.object, e.least AS address, e.first, min(i.id) AS id, 9223372036854775807 AS after
    FROM ever e
    JOIN invitations i ON i.tenant = e.tenant AND i.object = e.object AND i.time = e.first
    WHERE e.least = e.greatest AND e.redeemed = 1
    GROUP BY e.tenant, e.object, e.least, e.first
    UNION ALL
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
    SELECT s.tenant, s.object, s.home, s.bearer, s.first, s.id, i.upn,
           min(i.time) AS opened, max(i.time) AS last
    FROM sole s
    JOIN sign_ins i ON i.log = s.tenant AND i.object = s.object AND i.home = s.home
    WHERE i.log = i.resource AND i.success AND i.time >= s.first AND i.time < s.after
      AND NOT i.direct
    GROUP BY s.tenant, s.object, s.home, s.bearer, s.first, s.id, i.upn
),
-- Of each name under which the account was seen: whether it is one of the invited user's, and whether another bore it then.
named AS (
    SELECT s.tenant, s.object, s.home, s.bearer, s.first, s.id, s.upn,
           min(s.opened) AS opened, max(s.last) AS last,
           max(CASE WHEN s.upn IS NULL OR n.object = s.bearer THEN 1 ELSE 0 END) AS own,
           max(CASE WHEN n.side <> 'satellite' AND n.object <> s.bearer
                     AND n.valid_from <= s.last AND n.valid_until > s.opened THEN 1 ELSE 0 END) AS others
    FROM seen s
    LEFT JOIN names n ON n.tenant = s.home AND n.name = s.upn
    GROUP BY s.tenant, s.object, s.home, s.bearer, s.first, s.id, s.upn
),
unanimous AS (
    SELECT tenant, object, home, bearer, first, id, min(opened) AS opened, max(last) AS last
    FROM named
    GROUP BY tenant, object, home, bearer, first, id
    HAVING min(own) = 1 AND max(others) = 0
)
SELECT tenant AS account_tenant,
       object AS account_object,
       home AS home_tenant,
       bearer AS home_object,
       'redemption' AS kind,
       1 AS candidates,
       min(opened) AS valid_from,
       max(last) + 1 AS valid_until,
       min(id) AS source
FROM unanimous
GROUP BY tenant, object, home, bearer
