-- Usage: rollups of months, and of all keys together, so that questions about a long time or about many keys read few
-- rows. `histogram_sum` and `amount_sum` come with the gateway.

-- A month is named by its first day, counted since the Unix epoch.
CREATE TABLE usage_months (
    account             BLOB   NOT NULL,
    bucket              BIGINT NOT NULL,
    key                 BLOB   NOT NULL,
    model               TEXT   NOT NULL,
    provider            TEXT   NOT NULL,
    outcome             TEXT   NOT NULL,
    status              INT    NOT NULL,
    first_seq           BIGINT NOT NULL,
    last_seq            BIGINT NOT NULL,
    requests            BIGINT NOT NULL,
    input_tokens        BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens       BIGINT NOT NULL,
    reasoning_tokens    BIGINT NOT NULL,
    charge_nanos        BIGINT NOT NULL,
    uncollected_nanos   BIGINT NOT NULL,
    first_token         BLOB   NOT NULL,
    speed               BLOB   NOT NULL,
    PRIMARY KEY (account, bucket, key, model, provider, outcome, status)
) WITHOUT ROWID;

-- The wide rollups: a row is the sum over all keys of an account, and under the account of zeros the sum over all
-- accounts. Their key is always zeros.
CREATE TABLE usage_wide_hours (
    account             BLOB   NOT NULL,
    bucket              BIGINT NOT NULL,
    key                 BLOB   NOT NULL,
    model               TEXT   NOT NULL,
    provider            TEXT   NOT NULL,
    outcome             TEXT   NOT NULL,
    status              INT    NOT NULL,
    first_seq           BIGINT NOT NULL,
    last_seq            BIGINT NOT NULL,
    requests            BIGINT NOT NULL,
    input_tokens        BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens       BIGINT NOT NULL,
    reasoning_tokens    BIGINT NOT NULL,
    charge_nanos        BIGINT NOT NULL,
    uncollected_nanos   BIGINT NOT NULL,
    first_token         BLOB   NOT NULL,
    speed               BLOB   NOT NULL,
    PRIMARY KEY (account, bucket, key, model, provider, outcome, status)
) WITHOUT ROWID;

CREATE TABLE usage_wide_days (
    account             BLOB   NOT NULL,
    bucket              BIGINT NOT NULL,
    key                 BLOB   NOT NULL,
    model               TEXT   NOT NULL,
    provider            TEXT   NOT NULL,
    outcome             TEXT   NOT NULL,
    status              INT    NOT NULL,
    first_seq           BIGINT NOT NULL,
    last_seq            BIGINT NOT NULL,
    requests            BIGINT NOT NULL,
    input_tokens        BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens       BIGINT NOT NULL,
    reasoning_tokens    BIGINT NOT NULL,
    charge_nanos        BIGINT NOT NULL,
    uncollected_nanos   BIGINT NOT NULL,
    first_token         BLOB   NOT NULL,
    speed               BLOB   NOT NULL,
    PRIMARY KEY (account, bucket, key, model, provider, outcome, status)
) WITHOUT ROWID;

CREATE TABLE usage_wide_months (
    account             BLOB   NOT NULL,
    bucket              BIGINT NOT NULL,
    key                 BLOB   NOT NULL,
    model               TEXT   NOT NULL,
    provider            TEXT   NOT NULL,
    outcome             TEXT   NOT NULL,
    status              INT    NOT NULL,
    first_seq           BIGINT NOT NULL,
    last_seq            BIGINT NOT NULL,
    requests            BIGINT NOT NULL,
    input_tokens        BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens       BIGINT NOT NULL,
    reasoning_tokens    BIGINT NOT NULL,
    charge_nanos        BIGINT NOT NULL,
    uncollected_nanos   BIGINT NOT NULL,
    first_token         BLOB   NOT NULL,
    speed               BLOB   NOT NULL,
    PRIMARY KEY (account, bucket, key, model, provider, outcome, status)
) WITHOUT ROWID;

-- What is rolled up already, from the rollups that there are: its receipts may be gone.
INSERT INTO usage_months
SELECT account, coalesce(unixepoch(bucket * 86400, 'unixepoch', 'start of month') / 86400, bucket) AS month, key,
       model, provider, outcome, status, min(first_seq), max(last_seq), sum(requests), sum(input_tokens),
       sum(cached_input_tokens), sum(output_tokens), sum(reasoning_tokens), amount_sum(charge_nanos),
       amount_sum(uncollected_nanos), histogram_sum(first_token), histogram_sum(speed)
FROM usage_days GROUP BY account, month, key, model, provider, outcome, status;

INSERT INTO usage_wide_hours
SELECT account, bucket, zeroblob(16), model, provider, outcome, status, min(first_seq), max(last_seq), sum(requests),
       sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(reasoning_tokens),
       amount_sum(charge_nanos), amount_sum(uncollected_nanos), histogram_sum(first_token), histogram_sum(speed)
FROM usage_hours GROUP BY account, bucket, model, provider, outcome, status;
INSERT INTO usage_wide_days
SELECT account, bucket, zeroblob(16), model, provider, outcome, status, min(first_seq), max(last_seq), sum(requests),
       sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(reasoning_tokens),
       amount_sum(charge_nanos), amount_sum(uncollected_nanos), histogram_sum(first_token), histogram_sum(speed)
FROM usage_days GROUP BY account, bucket, model, provider, outcome, status;
INSERT INTO usage_wide_months
SELECT account, bucket, zeroblob(16), model, provider, outcome, status, min(first_seq), max(last_seq), sum(requests),
       sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(reasoning_tokens),
       amount_sum(charge_nanos), amount_sum(uncollected_nanos), histogram_sum(first_token), histogram_sum(speed)
FROM usage_months GROUP BY account, bucket, model, provider, outcome, status;

INSERT INTO usage_wide_hours
SELECT zeroblob(16), bucket, key, model, provider, outcome, status, min(first_seq), max(last_seq), sum(requests),
       sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(reasoning_tokens),
       amount_sum(charge_nanos), amount_sum(uncollected_nanos), histogram_sum(first_token), histogram_sum(speed)
FROM usage_wide_hours GROUP BY bucket, key, model, provider, outcome, status;
INSERT INTO usage_wide_days
SELECT zeroblob(16), bucket, key, model, provider, outcome, status, min(first_seq), max(last_seq), sum(requests),
       sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(reasoning_tokens),
       amount_sum(charge_nanos), amount_sum(uncollected_nanos), histogram_sum(first_token), histogram_sum(speed)
FROM usage_wide_days GROUP BY bucket, key, model, provider, outcome, status;
INSERT INTO usage_wide_months
SELECT zeroblob(16), bucket, key, model, provider, outcome, status, min(first_seq), max(last_seq), sum(requests),
       sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(reasoning_tokens),
       amount_sum(charge_nanos), amount_sum(uncollected_nanos), histogram_sum(first_token), histogram_sum(speed)
FROM usage_wide_months GROUP BY bucket, key, model, provider, outcome, status;

-- Calls of a session or with a label, again: however many there are, they are counted, and the newest found, in the
-- index alone.
DROP INDEX receipts_of_session;
DROP INDEX receipts_of_label;
CREATE INDEX receipts_of_session ON receipts (session, account, seq, started_at_ms) WHERE session IS NOT NULL;
CREATE INDEX receipts_of_label ON receipts (label, account, seq, started_at_ms) WHERE label IS NOT NULL;
