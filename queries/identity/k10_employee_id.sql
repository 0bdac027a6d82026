-- K10 employee id: one account of the resource tenant and one account of the home tenant carry the same employee id.
--
-- Proves     that the resource tenant's directory says they are one employee: for guests, and for the cloud-only twin that an
--            administrator of the primary tenant has in the secondary one.
-- Written by cross-tenant synchronisation, which carries it by default, or by whoever administers the resource tenant.
-- Wrong if   it was typed wrong or written to mislead; two bearers in either tenant leave no evidence.
WITH sole AS (
    SELECT a.tenant, t.role, a.employee, min(a.object) AS object, min(a.side) AS side,
           min(a.valid_from) AS valid_from, max(a.valid_until) AS valid_until
    FROM accounts a
    LEFT JOIN tenants t ON t.tenant = a.tenant
    WHERE a.employee IS NOT NULL AND a.side <> 'neither'
    GROUP BY a.tenant, t.role, a.employee
    HAVING min(a.object) = max(a.object)
)
SELECT g.tenant AS account_tenant,
       g.object AS account_object,
       h.tenant AS home_tenant,
       h.object AS home_object,
       'employee_id' AS kind,
       g.valid_from,
       g.valid_until,
       concat('employee id ', g.employee) AS source
FROM sole g
JOIN sole h ON h.employee = g.employee
WHERE g.tenant <> h.tenant AND h.side = 'home'
  AND (g.side = 'satellite' OR (g.role = 'secondary' AND h.role = 'primary'))
