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
WITH crossing AS (
    SELECT log, object, home, upn, time, id
    FROM sign_ins
    WHERE log = resource AND home <> log AND success AND object IS NOT NULL AND upn IS NOT NULL
      AND NOT direct
),
used AS (
    SELECT log, object, home, min(upn) AS upn, max(upn) AS greatest, min(time) AS first, max(time) AS last, min(id) AS id
    FROM crossing
    GROUP BY log, object, home
),
-- Nearly every account is seen under one name that one home user bore all the while: only the others are told by day.
told AS (
    SELECT u.log, u.object, u.home, u.first, u.last, min(u.id) AS id, min(n.object) AS bearer,
           CASE WHEN u.upn <> u.greatest THEN 1 ELSE 0 END AS several,
           CASE WHEN count(n.object) = 1 AND min(n.valid_from) <= u.first AND max(n.valid_until) > u.last THEN 1 ELSE 0
           END AS throughout
    FROM used u
    LEFT JOIN names n
      ON n.tenant = u.home AND n.name = u.upn AND n.source = 'upn' AND n.side <> 'satellite'
     AND n.valid_from <= u.last + 86400000000000 AND n.valid_until > u.first - 86400000000000
    GROUP BY u.log, u.object, u.home, u.upn, u.greatest, u.first, u.last
),
days AS (
    SELECT c.log, c.object, c.home, t.several, c.upn, min(c.time) AS first, max(c.time) AS last, min(c.id) AS id
    FROM told t
    JOIN crossing c ON c.log = t.log AND c.object = t.object AND c.home = t.home
    WHERE t.several = 1 OR (t.throughout = 0 AND t.bearer IS NOT NULL)
    GROUP BY c.log, c.object, c.home, t.several, c.upn, c.time - c.time % 86400000000000
),
borne AS (
    SELECT d.log, d.object, d.home, d.several, d.upn, d.first, d.last, min(d.id) AS id,
           CASE WHEN min(n.valid_from) <= d.first AND max(n.valid_until) > d.last THEN min(n.object) END AS bearer,
           CASE WHEN min(n.object) = max(n.object) THEN 1 ELSE 2 END AS candidates
    FROM days d
    LEFT JOIN names n
      ON n.tenant = d.home AND n.name = d.upn AND n.source = 'upn' AND n.side <> 'satellite'
     AND n.valid_from <= d.last + 86400000000000 AND n.valid_until > d.first - 86400000000000
    GROUP BY d.log, d.object, d.home, d.several, d.upn, d.first, d.last
),
-- Every day beside everyone who ever bore its name: `sure` is a sure bearer of any day, `known` says that this bearer is one.
marked AS (
    SELECT b.log, b.object, b.home, b.several, b.upn, b.first, b.last, b.id, b.bearer, b.candidates,
           min(CASE WHEN b.candidates = 1 THEN b.bearer END) OVER (PARTITION BY b.log, b.object, b.home) AS sure,
           max(CASE WHEN b.candidates = 1 AND b.bearer = e.object THEN 1 ELSE 0 END)
               OVER (PARTITION BY b.log, b.object, b.home, e.object) AS known
    FROM borne b
    LEFT JOIN names e ON e.tenant = b.home AND e.name = b.upn
),
judged AS (
    SELECT log, object, home, several, upn, first, last, min(id) AS id, coalesce(bearer, min(sure)) AS bearer,
           CASE WHEN bearer IS NULL THEN 2 ELSE candidates END AS candidates
    FROM marked
    GROUP BY log, object, home, several, upn, first, last, bearer, candidates
    HAVING bearer IS NOT NULL OR (min(sure) IS NOT NULL AND max(known) = 0)
)
SELECT log AS account_tenant,
       object AS account_object,
       home AS home_tenant,
       bearer AS home_object,
       'named_sign_in' AS kind,
       1 AS candidates,
       first AS valid_from,
       last + 1 AS valid_until,
       id AS source
FROM told
WHERE several = 0 AND throughout = 1
UNION ALL
SELECT log, object, home, bearer, 'named_sign_in', candidates, min(first), max(last) + 1,
       CASE WHEN candidates = 1 THEN min(id) ELSE min(upn) END
FROM judged
GROUP BY log, object, home, bearer, candidates,
         CASE WHEN several = 1 THEN first END, CASE WHEN several = 1 THEN upn END
