-- K6 named sign-in: the resource tenant's log names the home tenant and a user name that exactly one home user bore then.
--
-- Proves     who the guest was when it signed in: Entra writes the name under which the home tenant authenticated it.
-- Written by Entra (the sign-in) and the home tenant's directory (who bears the name).
-- Wrong if   the home directory learns of a rename too late, or the tenants' clocks differ: a name is matched with the whole of
--            what was seen of it that day, and a second bearer within a day before or after makes it ambiguous. Only user
--            names count: a sign-in row does not say that an address is meant. A successor whose creation no directory dates
--            is taken for a leaver whom no directory lists any more: nothing that is read could tell.
--
-- An account that is seen under several names is told day by day, since it may have changed hands and back. A day under a name
-- that no sure bearer of its other days ever bore, and that has no sure bearer itself, is somebody else's, whoever that is: it
-- comes as ambiguous and ends what was sure before it.
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
),
several AS (
    SELECT log, object, home
    FROM sign_ins
    WHERE log = resource AND home <> log AND success AND object IS NOT NULL AND upn IS NOT NULL
      AND access <> 'direct_connect' AND access <> 'delegated'
    GROUP BY log, object, home
    HAVING min(upn) <> max(upn)
),
days AS (
    SELECT s.log, s.object, s.home, s.upn, min(s.time) AS first, max(s.time) AS last, min(s.id) AS id
    FROM sign_ins s
    JOIN several v ON v.log = s.log AND v.object = s.object AND v.home = s.home
    WHERE s.log = s.resource AND s.success AND s.upn IS NOT NULL
      AND s.access <> 'direct_connect' AND s.access <> 'delegated'
    GROUP BY s.log, s.object, s.home, s.upn, s.time - s.time % 86400000000000
),
borne AS (
    SELECT d.log, d.object, d.home, d.upn, d.first, d.last, min(d.id) AS id,
           CASE WHEN min(n.valid_from) <= d.first AND max(n.valid_until) > d.last THEN min(n.object) END AS bearer,
           CASE WHEN min(n.object) = max(n.object) THEN 1 ELSE 2 END AS candidates
    FROM days d
    LEFT JOIN names n
      ON n.tenant = d.home AND n.name = d.upn AND n.source = 'upn' AND n.side <> 'satellite'
     AND n.valid_from <= d.last + 86400000000000 AND n.valid_until > d.first - 86400000000000
    GROUP BY d.log, d.object, d.home, d.upn, d.first, d.last
),
sure AS (
    SELECT log, object, home, bearer
    FROM borne
    WHERE bearer IS NOT NULL AND candidates = 1
    GROUP BY log, object, home, bearer
),
strange AS (
    SELECT b.log, b.object, b.home, b.upn, b.first, b.last, min(s.bearer) AS bearer
    FROM borne b
    JOIN sure s ON s.log = b.log AND s.object = b.object AND s.home = b.home
    LEFT JOIN names e ON e.tenant = b.home AND e.object = s.bearer AND e.name = b.upn
    WHERE b.bearer IS NULL
    GROUP BY b.log, b.object, b.home, b.upn, b.first, b.last
    HAVING count(e.object) = 0
)
SELECT s.log AS account_tenant,
       s.object AS account_object,
       s.home AS home_tenant,
       s.bearer AS home_object,
       'named_sign_in' AS kind,
       s.candidates,
       min(s.first) AS valid_from,
       max(s.last) + 1 AS valid_until,
       CASE WHEN s.candidates = 1 THEN min(s.id) ELSE min(s.upn) END AS source
FROM sole s
LEFT JOIN several v ON v.log = s.log AND v.object = s.object AND v.home = s.home
WHERE v.log IS NULL
GROUP BY s.log, s.object, s.home, s.bearer, s.candidates
UNION ALL
SELECT log, object, home, bearer, 'named_sign_in', candidates, first, last + 1,
       CASE WHEN candidates = 1 THEN id ELSE upn END
FROM borne
WHERE bearer IS NOT NULL
UNION ALL
SELECT log, object, home, bearer, 'named_sign_in', 2, first, last + 1, upn
FROM strange
