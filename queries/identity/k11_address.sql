-- K11 address: an address of the guest, or the address of an invitation not yet redeemed, is an address of exactly one home
-- user, in a domain that is verified in the home tenant.
--
-- Proves     that somebody in the resource tenant meant that home user. Nothing else: a guest's mail does not follow later
--            changes at home, and says nothing of who redeemed the invitation.
-- Written by whoever administers the resource tenant: never enough alone.
-- Wrong if   the address was written to mislead, or has been given to somebody else since: what counts is who bore it at home
--            when the guest came by it, and two bearers then are ambiguous.
WITH said AS (
    SELECT tenant, object, name, valid_from, valid_until, concat('directory ', name_text) AS source
    FROM names
    WHERE side = 'satellite' AND NOT ext
    UNION ALL
    SELECT i.tenant, i.object, i.address, min(i.time), 9223372036854775807, concat(min(i.id), ' ', i.address_text)
    FROM invitations i
    LEFT JOIN (SELECT DISTINCT tenant, object FROM invitations WHERE redeemed) r
      ON r.tenant = i.tenant AND r.object = i.object
    WHERE r.object IS NULL
    GROUP BY i.tenant, i.object, i.address, i.address_text
),
sole AS (
    SELECT g.tenant, g.object, h.tenant AS home, min(h.object) AS bearer,
           CASE WHEN min(h.object) = max(h.object) THEN 1 ELSE 2 END AS candidates,
           g.valid_from, g.valid_until, g.source
    FROM said g
    JOIN names h ON h.name = g.name
    JOIN domains d ON d.tenant = h.tenant AND d.domain = h.domain
    WHERE h.tenant <> g.tenant AND h.side <> 'satellite'
      AND (g.valid_from = -9223372036854775807 - 1 OR (h.valid_from <= g.valid_from AND h.valid_until > g.valid_from))
    GROUP BY g.tenant, g.object, h.tenant, g.name, g.valid_from, g.valid_until, g.source
)
SELECT tenant AS account_tenant,
       object AS account_object,
       home AS home_tenant,
       bearer AS home_object,
       'address' AS kind,
       candidates,
       valid_from,
       valid_until,
       min(source) AS source
FROM sole
GROUP BY tenant, object, home, bearer, candidates, valid_from, valid_until
