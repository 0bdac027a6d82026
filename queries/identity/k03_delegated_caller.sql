-- K3 delegated caller: the claims of a control-plane call name a tenant other than the one whose subscription it acted on, and
-- the object there (Azure Lighthouse, GDAP).
--
-- Proves     that the caller *is* that home account: there is no local object, so the row joins the account to itself. It makes
--            no link; it tells the reader by which evidence a home account was seen at work in the resource tenant.
-- Written by Entra (the token) and Azure (the log).
-- Wrong if   the log's tenant was mistaken for the caller's (a workspace id for a tenant id): then every caller looks delegated.
SELECT tenant AS account_tenant,
       object AS account_object,
       tenant AS home_tenant,
       object AS home_object,
       'delegated_caller' AS kind,
       min(time) AS valid_from,
       max(time) + 1 AS valid_until,
       min(id) AS source
FROM callers
WHERE tenant <> log
GROUP BY tenant, object
