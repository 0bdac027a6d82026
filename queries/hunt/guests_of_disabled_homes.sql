-- Accounts that may still sign in although the home account behind them is disabled or gone.
-- The leaver's way back in: home closes the account, the other tenant's administrators are never told. Only accepted links count.
SELECT p.tenant, p.upn, p.object_id, p.kind,
       h.tenant AS home_tenant, h.upn AS home_upn,
       CASE WHEN h.valid_until IS NOT NULL THEN 'gone' ELSE 'disabled' END AS home_is,
       h.valid_until AS home_gone_since, p.confidence, p.evidence
FROM persons p
JOIN accounts h ON h.account = p.person AND h.latest
JOIN accounts g ON g.tenant_id = p.tenant_id AND g.object_id = p.object_id AND g.latest
WHERE p.role = 'satellite' AND p.valid_until IS NULL
  AND g.valid_until IS NULL AND g.enabled IS NOT FALSE
  AND (h.enabled = FALSE OR h.valid_until IS NOT NULL)
ORDER BY p.tenant, p.upn, p.object_id
