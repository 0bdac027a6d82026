-- K3 delegate: a log names an account of another tenant that has no object in the log's own: the claims of a control-plane call
-- (Azure Lighthouse, GDAP), or a sign-in of a service provider or by B2B direct connect.
--
-- Proves     that the account at work in the log's tenant *is* that home account: the object id is the home tenant's. The row
--            joins (the log's tenant, the object) to (the home tenant, the object), so that whatever else that log says of
--            the object finds its person.
-- Written by Entra (the token, the sign-in) and Azure (the log).
-- Wrong if   the log's tenant was mistaken for the caller's (a workspace id for a tenant id): then every caller looks
--            delegated. An object that the log tenant's own directory lists is a local account, and no delegate.
WITH named AS (
    SELECT log, tenant AS home, object, time, id
    FROM callers
    WHERE tenant <> log
    UNION ALL
    SELECT log, home, object, time, id
    FROM sign_ins
    WHERE log = resource AND home <> log AND success AND object IS NOT NULL AND direct
),
seen AS (
    SELECT log, home, object, min(time) AS first, max(time) AS last, min(id) AS id
    FROM named
    GROUP BY log, home, object
)
SELECT s.log AS account_tenant,
       s.object AS account_object,
       s.home AS home_tenant,
       s.object AS home_object,
       'delegated_caller' AS kind,
       1 AS candidates,
       s.first AS valid_from,
       s.last + 1 AS valid_until,
       s.id AS source
FROM seen s
LEFT JOIN accounts a ON a.tenant = s.log AND a.object = s.object
WHERE a.object IS NULL
