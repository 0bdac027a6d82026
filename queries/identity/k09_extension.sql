-- K9 extension: a directory extension of the guest holds the object id of an account in another tenant.
--
-- Proves     the link, where cross-tenant synchronisation is configured to write the source object's id.
-- Written by the synchronisation, but also by whoever administers the resource tenant: never enough alone by default.
-- Wrong if   somebody wrote it by hand. Object ids are not reused, so it cannot come to mean somebody else.
SELECT g.tenant AS account_tenant,
       g.object AS account_object,
       h.tenant AS home_tenant,
       h.object AS home_object,
       'extension' AS kind,
       1 AS candidates,
       g.valid_from,
       g.valid_until,
       concat('directory extension ', g.home_object_text) AS source
FROM accounts g
JOIN accounts h ON h.object = g.home_object
WHERE g.tenant <> h.tenant AND g.side = 'satellite' AND h.side = 'home'
