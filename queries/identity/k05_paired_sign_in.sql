-- K5 paired sign-in: one sign-in across tenants leaves a row in each tenant's log; the home row names the home object, the
-- resource row the guest object.
--
-- Proves     that who signed in as the home user was the guest there: same home and resource tenant, same user name, same
--            application, at most 60 seconds apart, and only one candidate on either side that day.
-- Written by Entra, in both logs.
-- Wrong if   two accounts of one tenant use one name on one day: then neither side has a sole candidate and no row comes.
--
-- Ids are a bonus that nobody has verified (exports.md 4.4), so they are not asked for. Bursts of one account within one
-- minute count once. A minute meets itself and its neighbours through the two-minute slots that it or a neighbour lies in.
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
    SELECT o.home, o.resource, o.upn, o.app, o.object, o.first, o.last,
           CASE WHEN e.edge = 0 THEN o.minute / 2
                WHEN o.minute % 2 = 0 THEN o.minute / 2 - 1
                ELSE o.minute / 2 + 1
           END AS slot
    FROM outbound o
    CROSS JOIN (VALUES (0), (1)) AS e (edge)
),
pairs AS (
    SELECT i.resource, i.object AS guest, i.home, o.object AS user, i.upn, i.first, i.last, i.id
    FROM inbound i
    JOIN slots o
      ON o.slot = i.minute / 2 AND o.upn = i.upn AND o.app = i.app AND o.home = i.home AND o.resource = i.resource
    WHERE i.first - o.last <= 60000000000 AND o.first - i.last <= 60000000000
),
met AS (
    SELECT resource, guest, home, user, upn, first / 86400000000000 AS day,
           min(first) AS first, max(last) AS last, min(id) AS id
    FROM pairs
    GROUP BY resource, guest, home, user, upn, first / 86400000000000
),
candidates AS (
    SELECT resource, guest, home, user, first, last, id,
           min(user) OVER guest_day = max(user) OVER guest_day AS one_user,
           min(guest) OVER user_day = max(guest) OVER user_day AS one_guest
    FROM met
    WINDOW guest_day AS (PARTITION BY resource, guest, home, upn, day),
           user_day AS (PARTITION BY resource, home, user, upn, day)
)
SELECT resource AS account_tenant,
       guest AS account_object,
       home AS home_tenant,
       user AS home_object,
       'paired_sign_in' AS kind,
       min(first) AS valid_from,
       max(last) + 1 AS valid_until,
       min(id) AS source
FROM candidates
WHERE one_user AND one_guest
GROUP BY resource, guest, home, user
