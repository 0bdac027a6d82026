-- K5 paired sign-in: one sign-in across tenants leaves a row in each tenant's log; the home row names the home object, the
-- resource row the guest object.
--
-- Proves     that who signed in as the home user was the guest there: same home and resource tenant, same user name, same
--            application, at most 60 seconds apart, and only one candidate on either side.
-- Written by Entra, in both logs.
-- Wrong if   two accounts of one tenant use one name within a minute: then neither side has a sole candidate and no row comes.
--
-- Ids are a bonus that nobody has verified (exports.md 4.4), so they are not asked for. Bursts of one account within one
-- minute count once. A minute meets itself and its neighbours through the two-minute slots that it or a neighbour lies in.
-- Names that never meet more than one account on either side, nearly all of them, need no closer look.
WITH outbound AS (
    SELECT home, resource, upn, app, object, time / 60000000000 AS minute,
           min(time) AS first, max(time) AS last
    FROM sign_ins
    WHERE log = home AND resource <> home AND success
      AND object IS NOT NULL AND upn IS NOT NULL AND app IS NOT NULL
    GROUP BY home, resource, upn, app, object, time / 60000000000
),
inbound AS (
    SELECT home, resource, upn, app, object, time / 60000000000 AS minute,
           min(time) AS first, max(time) AS last, min(id) AS id
    FROM sign_ins
    WHERE log = resource AND home <> resource AND success
      AND object IS NOT NULL AND upn IS NOT NULL AND app IS NOT NULL
    GROUP BY home, resource, upn, app, object, time / 60000000000
),
slots AS (
    SELECT home, resource, upn, app, object, first, last, minute / 2 AS slot FROM outbound
    UNION ALL
    SELECT home, resource, upn, app, object, first, last,
           CASE WHEN minute % 2 = 0 THEN minute / 2 - 1 ELSE minute / 2 + 1 END
    FROM outbound
),
pairs AS (
    SELECT i.resource, i.object AS guest, i.home, o.object AS user, i.upn, i.app, i.first, i.last, i.id,
           o.first AS opened
    FROM inbound i
    JOIN slots o
      ON o.slot = i.minute / 2 AND o.upn = i.upn AND o.app = i.app AND o.home = i.home AND o.resource = i.resource
    WHERE i.first - o.last <= 60000000000 AND o.first - i.last <= 60000000000
),
met AS (
    SELECT resource, guest, home, user, upn, min(first) AS first, max(last) AS last, min(id) AS id
    FROM pairs
    GROUP BY resource, guest, home, user, upn
),
names_met AS (
    SELECT resource, home, upn, min(guest) = max(guest) AND min(user) = max(user) AS plain
    FROM met
    GROUP BY resource, home, upn
),
close AS (
    SELECT p.resource, p.guest, p.home, p.user, p.upn, p.app, p.first, p.last, p.id, p.opened
    FROM pairs p
    JOIN names_met n ON n.resource = p.resource AND n.home = p.home AND n.upn = p.upn
    WHERE NOT n.plain
),
inward AS (
    SELECT resource, guest, home, upn, app, first
    FROM close
    GROUP BY resource, guest, home, upn, app, first
    HAVING min(user) = max(user)
),
outward AS (
    SELECT resource, home, user, upn, app, opened
    FROM close
    GROUP BY resource, home, user, upn, app, opened
    HAVING min(guest) = max(guest)
),
sole AS (
    SELECT m.resource, m.guest, m.home, m.user, m.first, m.last, m.id
    FROM met m
    JOIN names_met n ON n.resource = m.resource AND n.home = m.home AND n.upn = m.upn
    WHERE n.plain
    UNION ALL
    SELECT c.resource, c.guest, c.home, c.user, c.first, c.last, c.id
    FROM close c
    JOIN inward i
      ON i.resource = c.resource AND i.guest = c.guest AND i.home = c.home
     AND i.upn = c.upn AND i.app = c.app AND i.first = c.first
    JOIN outward o
      ON o.resource = c.resource AND o.home = c.home AND o.user = c.user
     AND o.upn = c.upn AND o.app = c.app AND o.opened = c.opened
)
SELECT resource AS account_tenant,
       guest AS account_object,
       home AS home_tenant,
       user AS home_object,
       'paired_sign_in' AS kind,
       min(first) AS valid_from,
       max(last) + 1 AS valid_until,
       min(id) AS source
FROM sole
GROUP BY resource, guest, home, user
