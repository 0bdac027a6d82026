-- Guests that hold a directory role, or may activate one, and have not signed in for thirty days.
-- Roles are known from the audit rows in the captures that gave and took them: one that was given before is not here. Thirty days are
-- counted back from the newest sign-in of the captures; a guest who never signed in has no last sign-in.
WITH newest AS (SELECT max("time") AS at FROM sign_ins),
     seen AS (
         SELECT tenant_id, object_id, max("time") AS last_sign_in
         FROM sign_ins WHERE success GROUP BY tenant_id, object_id
     ),
     told AS (
         SELECT tenant_id, object_id, coalesce(role, CAST(role_template_id AS VARCHAR)) AS role, eligible, given, "time" AS since, by_upn AS given_by,
                row_number() OVER (
                    PARTITION BY tenant_id, object_id, coalesce(role, CAST(role_template_id AS VARCHAR)), eligible ORDER BY "time" DESC, given, id
                ) AS age
         FROM roles
     )
SELECT a.tenant, a.upn, a.object_id, r.role, r.eligible, r.since, r.given_by, s.last_sign_in,
       CASE WHEN p.role = 'satellite' THEN p.person_upn END AS home_upn
FROM told r
JOIN accounts a ON a.tenant_id = r.tenant_id AND a.object_id = r.object_id
CROSS JOIN newest
LEFT JOIN seen s ON s.tenant_id = a.tenant_id AND s.object_id = a.object_id
LEFT JOIN persons p ON p.tenant_id = a.tenant_id AND p.object_id = a.object_id AND p.valid_until IS NULL
WHERE r.age = 1 AND r.given
  AND a.latest AND a.valid_until IS NULL AND a.enabled IS NOT FALSE
  AND a.kind IN ('external_guest', 'external_member', 'internal_guest', 'consumer_guest')
  AND (s.last_sign_in IS NULL OR s.last_sign_in < newest.at - INTERVAL '30 days')
ORDER BY a.tenant, s.last_sign_in NULLS FIRST, a.upn, a.object_id, r.role, r.eligible
