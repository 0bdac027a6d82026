-- Guests that may sign in and have not for thirty days, counted back from the newest sign-in of the captures.
-- A guest who never signed in has no last sign-in. Only sign-ins that cross tenants are known here, as a guest's do; where the
-- captures are shorter than thirty days, only those who never signed in are found.
WITH newest AS (SELECT max("time") AS at FROM sign_ins),
     seen AS (
         SELECT tenant_id, object_id, max("time") AS last_sign_in
         FROM sign_ins WHERE success GROUP BY tenant_id, object_id
     )
SELECT a.tenant, a.upn, a.object_id, s.last_sign_in, CASE WHEN p.role = 'satellite' THEN p.person_upn END AS home_upn, p.link_state
FROM accounts a
CROSS JOIN newest
LEFT JOIN seen s ON s.tenant_id = a.tenant_id AND s.object_id = a.object_id
LEFT JOIN persons p ON p.tenant_id = a.tenant_id AND p.object_id = a.object_id AND p.valid_until IS NULL
WHERE a.latest AND a.valid_until IS NULL AND a.enabled IS NOT FALSE
  AND a.kind IN ('external_guest', 'external_member', 'internal_guest', 'consumer_guest')
  AND (s.last_sign_in IS NULL OR s.last_sign_in < newest.at - INTERVAL '30 days')
ORDER BY a.tenant, s.last_sign_in NULLS FIRST, a.upn, a.object_id
