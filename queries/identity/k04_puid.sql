-- K4 PUID: a guest's token carries the PUID of its home account (`altsecid` 5::<PUID>) and names the home tenant; there one
-- account's own token carries the same PUID.
--
-- Proves     the home account itself: cross-tenant synchronisation matches accounts on this very value.
-- Written by Entra, into the tokens' claims; Azure's activity logs of both tenants show them. What a third tenant's log repeats
--            of the home tenant's tokens does not count: the home side is the home tenant's own token in its own log.
-- Wrong if   the home tenant's log shows another value as `puid` than the guest's token repeats (expected equal, unverified:
--            exports.md 7.2); then there is no match and no evidence. Two bearers at home are ambiguous.
WITH guests AS (
    SELECT tenant, object, provider AS home, home_puid AS puid,
           min(time) AS first, max(time) AS last, min(id) AS id
    FROM callers
    WHERE tenant = log AND home_puid IS NOT NULL AND provider IS NOT NULL AND provider <> tenant
    GROUP BY tenant, object, provider, home_puid
),
homes AS (
    SELECT tenant, puid, min(object) AS bearer,
           CASE WHEN min(object) = max(object) THEN 1 ELSE 2 END AS candidates
    FROM callers
    WHERE tenant = log AND puid IS NOT NULL AND (provider IS NULL OR provider = tenant) AND home_puid IS NULL
    GROUP BY tenant, puid
)
SELECT g.tenant AS account_tenant,
       g.object AS account_object,
       g.home AS home_tenant,
       h.bearer AS home_object,
       'puid' AS kind,
       h.candidates,
       min(g.first) AS valid_from,
       max(g.last) + 1 AS valid_until,
       CASE WHEN h.candidates = 1 THEN min(g.id) ELSE min(g.puid) END AS source
FROM guests g
JOIN homes h ON h.tenant = g.home AND h.puid = g.puid
GROUP BY g.tenant, g.object, g.home, h.bearer, h.candidates
