-- K5 paired sign-in: one sign-in across tenants leaves a row in each tenant's log; the home row names the home object, the
-- resource row the guest object.
--
-- Proves     that who signed in as the home user was the guest there: same home and resource tenant, same user name, same
--            application, at most 60 seconds apart, and only one candidate on either side that day.
-- Written by Entra, in both logs.
-- Wrong if   two accounts of one tenant use one name on one day: then neither side has a sole candidate and the row is
--            ambiguous.
--
-- Ids are a bonus that nobody has verified (exports.md 4.4): equal request or correlation ids raise the kind to
-- `paired_sign_in_by_id` and replace no condition. A client chooses its correlation id, so an attacker with a tenant of their
-- own can send the victim's; but the resource row then names the attacker's tenant as home, for Entra writes that, and meets no
-- row of the victim's. An attacker inside the victim's tenant signs in under a user name of their own. For a false pair one
-- would have to write the other tenant's log.
--
-- Bursts of one account within one minute count once, with the least of their ids. A minute meets itself and its neighbours
-- through the two-minute slots that it or a neighbour lies in. A direct connection or a delegate has no guest object to pair.
WITH crossing AS (
    SELECT log, home, resource, upn, app, object, time, id, correlation, time - time % 60000000000 AS minute
    FROM sign_ins
    WHERE success AND home <> resource AND object IS NOT NULL AND upn IS NOT NULL AND app IS NOT NULL
      AND NOT direct
),
-- Nearly every name is used by one account on either side: only what happens under the others is told apart by day. A name
-- that one log alone knows pairs nothing.
shared AS (
    SELECT home, resource, upn,
           CASE WHEN min(CASE WHEN log = home THEN object END) = max(CASE WHEN log = home THEN object END)
                 AND min(CASE WHEN log = resource THEN object END) = max(CASE WHEN log = resource THEN object END) THEN 0
                ELSE 1
           END AS several
    FROM crossing
    GROUP BY home, resource, upn
    HAVING min(CASE WHEN log = home THEN object END) IS NOT NULL AND min(CASE WHEN log = resource THEN object END) IS NOT NULL
),
outbound AS (
    SELECT home, resource, upn, app, object, minute,
           min(time) AS first, max(time) AS last, min(id) AS id, min(correlation) AS correlation
    FROM crossing
    WHERE log = home
    GROUP BY home, resource, upn, app, object, minute
),
inbound AS (
    SELECT c.home, c.resource, c.upn, c.app, c.object, c.minute, c.minute - c.minute % 120000000000 AS slot, s.several,
           min(c.time) AS first, max(c.time) AS last, min(c.id) AS id, min(c.correlation) AS correlation
    FROM crossing c
    JOIN shared s ON s.home = c.home AND s.resource = c.resource AND s.upn = c.upn
    WHERE c.log = c.resource
    GROUP BY c.home, c.resource, c.upn, c.app, c.object, c.minute, s.several
),
slots AS (
    SELECT o.home, o.resource, o.upn, o.app, o.object, o.first, o.last, o.id, o.correlation,
           CASE WHEN e.edge = 0 THEN o.minute - o.minute % 120000000000
                WHEN o.minute % 120000000000 = 0 THEN o.minute - 120000000000
                ELSE o.minute + 60000000000
           END AS slot
    FROM (VALUES (0), (1)) AS e (edge)
    CROSS JOIN outbound o
),
pairs AS (
    SELECT i.resource, i.object AS guest, i.home, o.object AS bearer, i.several, i.first, i.last, i.id,
           CASE WHEN i.several = 1 THEN i.upn END AS upn,
           CASE WHEN i.several = 1 THEN i.first - i.first % 86400000000000 END AS day,
           CASE WHEN i.id = o.id OR i.correlation = o.correlation THEN 1 ELSE 0 END AS by_id
    FROM inbound i
    JOIN slots o
      ON o.slot = i.slot AND o.upn = i.upn AND o.app = i.app AND o.home = i.home AND o.resource = i.resource
    WHERE i.first - o.last <= 60000000000 AND o.first - i.last <= 60000000000
),
-- Seen from either side, the guest's (0) and the bearer's (1): whom did this one meet that day? Where both say each other and
-- nobody else, each is the sole candidate. Under a name that one account uses on either side it is known beforehand (2).
sides AS (
    SELECT CASE WHEN p.several = 0 THEN 2 ELSE e.side END AS side, p.resource, p.home, p.upn, p.day,
           CASE WHEN e.side = 0 THEN p.guest ELSE p.bearer END AS one,
           CASE WHEN e.side = 0 THEN p.bearer ELSE p.guest END AS other,
           CASE WHEN p.several = 0 THEN p.bearer END AS sole,
           p.first, p.last, p.id, p.by_id
    FROM pairs p
    JOIN (VALUES (0, 0), (1, 0), (1, 1)) AS e (several, side) ON e.several = p.several
),
met AS (
    SELECT side, resource, home, upn, day, one, sole, min(other) AS least, max(other) AS greatest,
           min(first) AS first, max(last) AS last, min(id) AS id, max(by_id) AS by_id
    FROM sides
    GROUP BY side, resource, home, upn, day, one, sole
),
couples AS (
    SELECT resource, home, upn, CASE WHEN side <> 1 THEN one ELSE least END AS guest,
           CASE WHEN side <> 1 THEN least ELSE one END AS bearer,
           max(CASE WHEN side <> 1 THEN greatest END) AS greatest, max(sole) AS sole, count(*) AS sides,
           min(CASE WHEN side <> 1 THEN first END) AS first, max(CASE WHEN side <> 1 THEN last END) AS last,
           min(CASE WHEN side <> 1 THEN id END) AS id, max(CASE WHEN side <> 1 THEN by_id END) AS by_id
    FROM met
    WHERE side <> 1 OR least = greatest
    GROUP BY resource, home, upn, day, CASE WHEN side <> 1 THEN one ELSE least END,
             CASE WHEN side <> 1 THEN least ELSE one END
),
judged AS (
    SELECT resource, guest, home, bearer, upn, first, last, id, by_id,
           CASE WHEN sides = 2 AND bearer = greatest THEN bearer ELSE sole END AS sole
    FROM couples
    WHERE greatest IS NOT NULL
)
SELECT resource AS account_tenant,
       guest AS account_object,
       home AS home_tenant,
       min(bearer) AS home_object,
       CASE WHEN sole IS NOT NULL AND max(by_id) = 1 THEN 'paired_sign_in_by_id' ELSE 'paired_sign_in' END AS kind,
       CASE WHEN sole IS NULL THEN 2 ELSE 1 END AS candidates,
       min(first) AS valid_from,
       max(last) + 1 AS valid_until,
       CASE WHEN sole IS NULL THEN min(upn) ELSE min(id) END AS source
FROM judged
GROUP BY resource, guest, home, sole
