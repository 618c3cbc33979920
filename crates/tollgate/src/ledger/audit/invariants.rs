//! What holds in every ledger, as queries that look for what breaks it.

/// The wide rows, each in its bucket, that are not the sum of the rows of keys: of an account, or of all accounts, whose
/// account is zeros.
macro_rules! wide_rows {
    ($wide:literal, $keys:literal) => {
        concat!(
            "WITH wide AS (SELECT * FROM ",
            $wide,
            "), of_keys AS (SELECT * FROM ",
            $keys,
            "), parts AS (
                 SELECT account, bucket, model, provider, outcome, status, requests AS calls,
                        input_tokens + output_tokens AS tokens, cached_input_tokens AS cached,
                        reasoning_tokens AS reasoning, charge_nanos AS nanos, uncollected_nanos AS uncollected
                 FROM of_keys
                 UNION ALL SELECT zeroblob(16), bucket, model, provider, outcome, status, requests,
                                  input_tokens + output_tokens, cached_input_tokens, reasoning_tokens, charge_nanos,
                                  uncollected_nanos
                 FROM of_keys
                 UNION ALL SELECT account, bucket, model, provider, outcome, status, -requests,
                                  -input_tokens - output_tokens, -cached_input_tokens, -reasoning_tokens,
                                  -charge_nanos, -uncollected_nanos
                 FROM wide)
             SELECT 'acct_' || lower(hex(account)) || ' ' || model FROM parts
             GROUP BY account, bucket, model, provider, outcome, status
             HAVING NOT (sum(calls) = 0 AND sum(tokens) = 0 AND sum(cached) = 0 AND sum(reasoning) = 0
                         AND sum(nanos) = 0 AND sum(uncollected) = 0)"
        )
    };
}

/// What must never be found, each with the query that looks for it.
pub(super) const INVARIANTS: [(&str, &str); 25] = [
    (
        "spent is more than granted",
        "SELECT 'acct_' || lower(hex(id)) FROM accounts
         WHERE NOT (typeof(granted_nanos) = 'integer' AND typeof(spent_nanos) = 'integer'
                    AND spent_nanos BETWEEN 0 AND granted_nanos)",
    ),
    (
        "the journal's balance is not granted less spent",
        "WITH moves AS (SELECT credit AS account, amount_nanos AS nanos FROM journal WHERE reason <> 'charge'
                        UNION ALL SELECT debit, -amount_nanos FROM journal WHERE reason = 'charge'),
              nets AS (SELECT account, sum(nanos) AS net FROM moves GROUP BY account)
         SELECT 'acct_' || lower(hex(id)) FROM accounts LEFT JOIN nets ON account = id
         WHERE coalesce(net, 0) <> granted_nanos - spent_nanos",
    ),
    (
        "granted is not what the journal issued",
        "WITH credits AS (SELECT credit AS account, sum(amount_nanos) AS total FROM journal
                          WHERE reason <> 'charge' GROUP BY credit)
         SELECT 'acct_' || lower(hex(id)) FROM accounts LEFT JOIN credits ON account = id
         WHERE coalesce(total, 0) <> granted_nanos",
    ),
    (
        "spent is not what the journal charged",
        "WITH debits AS (SELECT debit AS account, sum(amount_nanos) AS total FROM journal
                         WHERE reason = 'charge' GROUP BY debit)
         SELECT 'acct_' || lower(hex(id)) FROM accounts LEFT JOIN debits ON account = id
         WHERE coalesce(total, 0) <> spent_nanos",
    ),
    (
        "spent is not what the rollups and the receipts after them charge",
        "WITH parts AS (SELECT account, charge_nanos FROM usage_totals
                        UNION ALL SELECT account, charge_nanos FROM receipts, usage_state WHERE seq > rolled_seq),
              charges AS (SELECT account, sum(charge_nanos) AS total FROM parts GROUP BY account)
         SELECT 'acct_' || lower(hex(id)) FROM accounts LEFT JOIN charges ON account = id
         WHERE coalesce(total, 0) <> spent_nanos",
    ),
    (
        "a charge is above its hold",
        "SELECT 'call_' || lower(hex(call)) FROM receipts WHERE NOT charge_nanos BETWEEN 0 AND hold_nanos",
    ),
    (
        "charge and uncollected are not the cost",
        "SELECT 'call_' || lower(hex(call)) FROM receipts
         WHERE charge_nanos + uncollected_nanos <> coalesce(cost_nanos, 0)",
    ),
    (
        "a charged receipt is not in the journal",
        "SELECT 'call_' || lower(hex(call)) FROM receipts
         LEFT JOIN journal ON reason = 'charge' AND ref = call AND debit = account AND amount_nanos = charge_nanos
         WHERE charge_nanos > 0 AND ref IS NULL",
    ),
    (
        "a charge in the journal has no receipt",
        "SELECT 'call_' || lower(hex(ref)) FROM journal
         LEFT JOIN receipts ON account = debit AND call = ref AND charge_nanos = amount_nanos
         WHERE reason = 'charge' AND seq IS NULL AND at_ms >= (SELECT keep_from_ms FROM usage_state)",
    ),
    (
        "a grant is not in the journal",
        "SELECT 'grant_' || lower(hex(id)) FROM grants
         LEFT JOIN journal ON reason = 'grant' AND ref = id AND credit = account
                              AND journal.amount_nanos = grants.amount_nanos
         WHERE ref IS NULL",
    ),
    (
        "a grant in the journal was never made",
        "SELECT 'grant_' || lower(hex(ref)) FROM journal
         LEFT JOIN grants ON id = ref AND account = credit AND grants.amount_nanos = journal.amount_nanos
         WHERE reason = 'grant' AND id IS NULL",
    ),
    (
        "a credit line belongs to no metered account or to no call of it",
        "SELECT 'call_' || lower(hex(j.ref)) FROM journal j
         LEFT JOIN accounts a ON a.id = j.credit AND a.kind = 'metered'
         LEFT JOIN receipts r ON r.account = j.credit AND r.call = j.ref
         WHERE j.reason = 'credit_line'
           AND (a.id IS NULL OR r.seq IS NULL AND j.at_ms >= (SELECT keep_from_ms FROM usage_state))",
    ),
    (
        "a journal row does not move money between a customer and the operator",
        "SELECT reason || ' ' || lower(hex(ref)) FROM journal
         WHERE NOT (typeof(amount_nanos) = 'integer' AND amount_nanos > 0
                    AND CASE reason WHEN 'charge' THEN credit = x'00000000000000000000000000000002'
                                    ELSE debit = x'00000000000000000000000000000001' END)",
    ),
    (
        "a receipt names an unknown account",
        "SELECT 'call_' || lower(hex(call)) FROM receipts
         WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE id = account)",
    ),
    (
        "a grant or a key names an unknown account",
        "SELECT 'grant_' || lower(hex(id)) FROM grants
         WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = account)
         UNION ALL SELECT 'key_' || lower(hex(id)) FROM keys
         WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = account)",
    ),
    (
        "a journal row names an unknown account",
        "SELECT reason || ' ' || lower(hex(ref)) FROM journal
         WHERE NOT EXISTS (SELECT 1 FROM accounts
                           WHERE id = CASE reason WHEN 'charge' THEN debit ELSE credit END)",
    ),
    (
        "the days of a key are not the sum of its receipts",
        "WITH parts AS (
             SELECT account, key, 1 AS calls, input_tokens + output_tokens AS tokens, charge_nanos AS nanos
             FROM receipts, usage_state WHERE seq <= rolled_seq AND started_at_ms >= keep_from_ms
             UNION ALL SELECT account, key, -requests, -input_tokens - output_tokens, -charge_nanos
             FROM usage_days, usage_state WHERE bucket >= keep_from_ms / 86400000)
         SELECT 'key_' || lower(hex(key)) FROM parts GROUP BY account, key
         HAVING NOT (sum(calls) = 0 AND sum(tokens) = 0 AND sum(nanos) = 0)",
    ),
    (
        "the days of a key are not the sum of its hours",
        "WITH parts AS (
             SELECT account, key, bucket / 24 AS day, requests AS calls, input_tokens + output_tokens AS tokens,
                    charge_nanos AS nanos
             FROM usage_hours
             UNION ALL SELECT account, key, bucket, -requests, -input_tokens - output_tokens, -charge_nanos
             FROM usage_days)
         SELECT 'key_' || lower(hex(key)) FROM parts GROUP BY account, key, day
         HAVING NOT (sum(calls) = 0 AND sum(tokens) = 0 AND sum(nanos) = 0)",
    ),
    (
        "the months of a key are not the sum of its days",
        "WITH parts AS (
             SELECT account, key,
                    coalesce(unixepoch(bucket * 86400, 'unixepoch', 'start of month') / 86400, bucket) AS month,
                    requests AS calls, input_tokens + output_tokens AS tokens, charge_nanos AS nanos
             FROM usage_days
             UNION ALL SELECT account, key, bucket, -requests, -input_tokens - output_tokens, -charge_nanos
             FROM usage_months)
         SELECT 'key_' || lower(hex(key)) FROM parts GROUP BY account, key, month
         HAVING NOT (sum(calls) = 0 AND sum(tokens) = 0 AND sum(nanos) = 0)",
    ),
    (
        "the wide hours are not the sum of those of keys",
        wide_rows!("usage_wide_hours", "usage_hours"),
    ),
    (
        "the wide days are not the sum of those of keys",
        wide_rows!("usage_wide_days", "usage_days"),
    ),
    (
        "the wide months are not the sum of those of keys",
        wide_rows!("usage_wide_months", "usage_months"),
    ),
    (
        "the total of a key is not the sum of its days",
        "WITH parts AS (
             SELECT account, key, requests + refused AS calls, refused, tokens, charge_nanos AS nanos FROM usage_totals
             UNION ALL SELECT account, key, -requests, CASE outcome WHEN 'refused' THEN -requests ELSE 0 END,
                              -input_tokens - output_tokens, -charge_nanos
             FROM usage_days)
         SELECT 'key_' || lower(hex(key)) FROM parts GROUP BY account, key
         HAVING NOT (sum(calls) = 0 AND sum(refused) = 0 AND sum(tokens) = 0 AND sum(nanos) = 0)",
    ),
    (
        "the bytes of a session are not the sum of its rows",
        "WITH parts AS (
             SELECT session, 256 + octet_length(head) AS bytes FROM turns
             UNION ALL SELECT coalesce(turns.session, items.conversation),
                              256 + octet_length(items.id) + octet_length(body)
             FROM items LEFT JOIN turns ON turns.id = items.turn
             UNION ALL SELECT id, 256 + coalesce(octet_length(name), 0) + octet_length(metadata)
             FROM sessions WHERE kind = 'conversation'),
              sums AS (SELECT session, sum(bytes) AS total FROM parts GROUP BY session)
         SELECT 'session ' || id FROM sessions LEFT JOIN sums ON sums.session = id
         WHERE account IS NOT NULL AND coalesce(total, 0) <> bytes",
    ),
    (
        "the bytes of an account are not the sum of its sessions",
        "WITH sums AS (SELECT account, sum(bytes) AS total FROM sessions GROUP BY account)
         SELECT 'acct_' || lower(hex(id)) FROM accounts LEFT JOIN sums ON account = id
         WHERE coalesce(total, 0) <> session_bytes",
    ),
];
