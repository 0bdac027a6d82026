-- K5 paired sign-in: one sign-in across tenants leaves a row in each tenant's log; the home row names the home object, the
-- resource row the guest object.
--
-- Proves     that who signed in as the home user was the guest there: same home and resource tenant, same user name, same
--            application, at most 60 seconds apart, and only one candidate on either side.
-- Written by Entra, in both logs.
-- Wrong if   two accounts of one tenant use one name within a minute: then neither side has a sole candidate and no row comes.
--
-- Ids are a bonus that nobody has verified (exports.md 4.4), so they are not asked for. Bursts of one account within one
-- minute count once; minutes are joined with their neighbours, then the distance is checked.
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
near AS (
    SELECT home, resource, upn, app, object, first, last, minute FROM outbound
    UNION ALL
    SELECT home, resource, upn, app, object, first, last, minute - 1 FROM outbound
    UNION ALL
    SELECT home, resource, upn, app, object, first, last, minute + 1 FROM outbound
),
pairs AS (
    SELECT i.resource, i.object AS guest, i.home, o.object AS user, i.upn, i.app, i.minute, i.first, i.last, i.id,
           o.first AS opened
    FROM inbound i
    JOIN near o
      ON o.home = i.home AND o.resource = i.resource AND o.upn = i.upn AND o.app = i.app AND o.minute = i.minute
    WHERE i.first - o.last <= 60000000000 AND o.first - i.last <= 60000000000
),
inward AS (
    SELECT resource, guest, home, upn, app, minute, min(user) AS least, max(user) AS greatest
    FROM pairs
    GROUP BY resource, guest, home, upn, app, minute
),
outward AS (
    SELECT resource, home, user, upn, app, opened, min(guest) AS least, max(guest) AS greatest
    FROM pairs
    GROUP BY resource, home, user, upn, app, opened
)
SELECT p.resource AS account_tenant,
       p.guest AS account_object,
       p.home AS home_tenant,
       p.user AS home_object,
       'paired_sign_in' AS kind,
       min(p.first) AS valid_from,
       max(p.last) + 1 AS valid_until,
       min(p.id) AS source
FROM pairs p
JOIN inward i
  ON i.resource = p.resource AND i.guest = p.guest AND i.home = p.home
 AND i.upn = p.upn AND i.app = p.app AND i.minute = p.minute AND i.least = i.greatest
JOIN outward o
  ON o.resource = p.resource AND o.home = p.home AND o.user = p.user
 AND o.upn = p.upn AND o.app = p.app AND o.opened = p.opened AND o.least = o.greatest
GROUP BY p.resource, p.guest, p.home, p.user
