-- Which home tenant the logs name for an account, over time: the spans that refute directory evidence for any other home.
--
-- Proves     that at that time the account was used from that tenant (sign-ins seen in the resource tenant's log, identity
--            provider claims of control-plane calls); the account's own tenant means: there is no other.
-- Written by Entra itself; neither directory's administrators can write it.
-- Wrong if   two tenants are named within one instant (such spans are empty and refute nothing).
--
-- A direct connection or a delegate shows the home account itself, not an account that could have another home.
--
-- The first span reaches back to the beginning, each ends where another tenant is first named, the last stays open.
WITH named AS (
    SELECT log AS tenant, object, home, time, id
    FROM sign_ins
    WHERE log = resource AND object IS NOT NULL AND NOT direct
      AND (success OR home <> log)
    UNION ALL
    SELECT tenant, object, provider AS home, time, id
    FROM callers
    WHERE tenant = log AND provider IS NOT NULL
),
ever AS (
    SELECT tenant, object, min(home) AS least, max(home) AS greatest, min(id) AS source
    FROM named
    GROUP BY tenant, object
),
-- Nearly every account has one home: only the others are worth sorting.
steps AS (
    SELECT n.tenant, n.object, n.home, n.time, n.id,
           lag(n.home) OVER (PARTITION BY n.tenant, n.object ORDER BY n.time, n.home, n.id) AS before
    FROM named n
    JOIN ever e ON e.tenant = n.tenant AND e.object = n.object
    WHERE e.least <> e.greatest
),
turns AS (
    SELECT tenant, object, home, time, id, before,
           lead(time) OVER (PARTITION BY tenant, object ORDER BY time, home, id) AS after
    FROM steps
    WHERE before IS NULL OR before <> home
)
SELECT tenant AS account_tenant,
       object AS account_object,
       least AS home_tenant,
       -9223372036854775807 - 1 AS valid_from,
       9223372036854775807 AS valid_until,
       source
FROM ever
WHERE least = greatest
UNION ALL
SELECT tenant, object, home,
       CASE WHEN before IS NULL THEN -9223372036854775807 - 1 ELSE time END,
       coalesce(after, 9223372036854775807),
       id
FROM turns
