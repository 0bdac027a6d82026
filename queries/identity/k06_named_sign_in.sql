-- K6 named sign-in: the resource tenant's log names the home tenant and a user name that exactly one home user bore then.
--
-- Proves     who the guest was when it signed in: Entra writes the name under which the home tenant authenticated it.
-- Written by Entra (the sign-in) and the home tenant's directory (who bears the name).
-- Wrong if   the home directory learns of a rename too late, or the tenants' clocks differ: a name is matched with the whole of
--            what was seen of it that day, and a second bearer within a day before or after makes it ambiguous. Only user
--            names count: a sign-in row does not say that an address is meant. A successor whose creation no directory dates
--            is taken for a leaver whom no directory lists any more: nothing that is read could tell.
WITH seen AS (
    SELECT log, object, home, upn, min(time) AS first, max(time) AS last, min(id) AS id
    FROM sign_ins
    WHERE log = resource AND home <> log AND success AND object IS NOT NULL AND upn IS NOT NULL
      AND access <> 'direct_connect' AND access <> 'delegated'
    GROUP BY log, object, home, upn, time - time % 86400000000000
),
sole AS (
    SELECT s.log, s.object, s.home, s.upn, s.first, s.last, min(s.id) AS id,
           min(n.object) AS bearer, CASE WHEN min(n.object) = max(n.object) THEN 1 ELSE 2 END AS candidates
    FROM seen s
    JOIN names n ON n.tenant = s.home AND n.name = s.upn
    WHERE n.source = 'upn' AND n.side <> 'satellite'
      AND n.valid_from <= s.last + 86400000000000 AND n.valid_until > s.first - 86400000000000
    GROUP BY s.log, s.object, s.home, s.upn, s.first, s.last
    HAVING min(n.valid_from) <= s.first AND max(n.valid_until) > s.last
)
SELECT log AS account_tenant,
       object AS account_object,
       home AS home_tenant,
       bearer AS home_object,
       'named_sign_in' AS kind,
       candidates,
       min(first) AS valid_from,
       max(last) + 1 AS valid_until,
       CASE WHEN candidates = 1 THEN min(id) ELSE min(upn) END AS source
FROM sole
GROUP BY log, object, home, bearer, candidates
