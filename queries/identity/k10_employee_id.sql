-- K10 employee id: one account of the resource tenant and one account of the home tenant carry the same employee id.
--
-- Proves     that the resource tenant's directory says they are one employee: for guests, and for the cloud-only twin that an
--            administrator of the primary tenant has in the secondary one.
-- Written by cross-tenant synchronisation, which carries it by default, or by whoever administers the resource tenant.
-- Wrong if   it was typed wrong or written to mislead; two bearers in either tenant are ambiguous. Two accounts that never
--            existed at one time are not compared.
--
-- Of several bearers only counts that they are several: a value that everybody bears then costs a change no more than another.
WITH marked AS (
    SELECT a.tenant, t.role, a.object, a.employee, a.employee_text, a.side, a.valid_from, a.valid_until
    FROM accounts a
    LEFT JOIN tenants t ON t.tenant = a.tenant
    WHERE a.employee IS NOT NULL AND a.side <> 'neither'
),
bearers AS (
    SELECT tenant, role, employee, count(*) AS bearers,
           min(CASE WHEN side = 'home' THEN object END) AS bearer,
           min(valid_from) AS valid_from, max(valid_until) AS valid_until
    FROM marked
    GROUP BY tenant, role, employee
)
SELECT g.tenant AS account_tenant,
       g.object AS account_object,
       h.tenant AS home_tenant,
       h.bearer AS home_object,
       'employee_id' AS kind,
       CASE WHEN o.bearers = 1 AND h.bearers = 1 THEN 1 ELSE 2 END AS candidates,
       CASE WHEN o.bearers = 1 AND h.bearers = 1 AND h.valid_from > g.valid_from THEN h.valid_from ELSE g.valid_from
       END AS valid_from,
       g.valid_until,
       concat('employee id ', g.employee_text) AS source
FROM marked g
JOIN bearers o ON o.tenant = g.tenant AND o.employee = g.employee
JOIN bearers h ON h.employee = g.employee
WHERE g.tenant <> h.tenant AND h.bearer IS NOT NULL
  AND (g.side = 'satellite' OR (g.role = 'secondary' AND h.role = 'primary'))
  AND (o.bearers > 1 OR h.bearers > 1 OR (h.valid_from < g.valid_until AND g.valid_from < h.valid_until))
