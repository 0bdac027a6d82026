-- Application (rule 8): a log of one tenant shows a service principal whose application another tenant owns; that tenant has
-- exactly one service principal of the application, and owns it.
--
-- Proves     that both are one application: its keys and its owner are the home tenant's.
-- Written by Entra: application id and owner tenant stand in the sign-in logs and cannot be edited in a directory.
-- Wrong if   the home tenant has had several service principals of the application (deleted and made again): then it is
--            ambiguous. A principal that is ever shown with two applications or owners proves nothing. A managed identity lives
--            in one tenant and is never joined; an equal name says nothing.
WITH sole AS (
    SELECT tenant, object, min(app) AS app, min(owner) AS owner,
           min(time) AS first, max(time) AS last, min(id) AS id
    FROM principals
    GROUP BY tenant, object
    HAVING min(app) = max(app) AND min(owner) = max(owner) AND max(CASE WHEN managed THEN 1 ELSE 0 END) = 0
),
homes AS (
    SELECT tenant, app, min(object) AS bearer, CASE WHEN count(*) = 1 THEN 1 ELSE 2 END AS candidates
    FROM sole
    WHERE owner = tenant
    GROUP BY tenant, app
)
SELECT g.tenant AS account_tenant,
       g.object AS account_object,
       h.tenant AS home_tenant,
       h.bearer AS home_object,
       'application' AS kind,
       h.candidates,
       g.first AS valid_from,
       g.last + 1 AS valid_until,
       CASE WHEN h.candidates = 1 THEN g.id ELSE g.app END AS source
FROM sole g
JOIN homes h ON h.tenant = g.owner AND h.app = g.app
WHERE g.tenant <> g.owner
