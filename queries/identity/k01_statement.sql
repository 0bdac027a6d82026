-- K1 statement: an analyst, or the operator's configured table, says that two accounts are one person.
--
-- Proves     what somebody who answers for it has said, with name and reason.
-- Written by the analyst or the operator, in their own name: what is said is kept and can be asked for.
-- Wrong if   the author was. Of several statements about one couple, whichever of the two is called the home, the last one
--            holds, so it can be withdrawn or turned into its opposite; that two accounts are different people is no evidence
--            but a bar, and is not read here.
WITH said AS (
    SELECT account_tenant, account_object, home_tenant, home_object, verdict, author, reason, valid_from, valid_until,
           row_number() OVER (
               PARTITION BY least(concat(account_tenant, account_object), concat(home_tenant, home_object)),
                            greatest(concat(account_tenant, account_object), concat(home_tenant, home_object))
               ORDER BY time DESC,
                        CASE verdict WHEN 'withdrawn' THEN 2 WHEN 'different' THEN 1 ELSE 0 END DESC,
                        account_tenant DESC, account_object DESC, home_tenant DESC, home_object DESC,
                        author DESC, reason DESC, valid_from DESC, valid_until DESC
           ) AS turn
    FROM statements
)
SELECT account_tenant,
       account_object,
       home_tenant,
       home_object,
       'statement' AS kind,
       1 AS candidates,
       valid_from,
       valid_until,
       concat(author, ': ', reason) AS source
FROM said
WHERE turn = 1 AND verdict = 'same' AND valid_from < valid_until
