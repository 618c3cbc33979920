-- Usage: what clients call their calls, and rollups of the receipts.

-- Receipts again, with a session and a label, and found by their call alone. A call has one account, so the call is
-- what is unique; the second index lists an account's receipts, and is half as wide as the one that did both.
CREATE TABLE receipts_2 (
    seq                 INTEGER PRIMARY KEY,
    account             BLOB   NOT NULL REFERENCES accounts (id),
    call                BLOB   NOT NULL UNIQUE CHECK (typeof(call) = 'blob' AND length(call) = 16),
    key                 BLOB   NOT NULL,
    started_at_ms       BIGINT NOT NULL,
    settled_at_ms       BIGINT NOT NULL,
    dialect             TEXT   NOT NULL,
    stream              INT    NOT NULL,
    model_asked         TEXT   NOT NULL,
    model_served        TEXT,
    provider            TEXT,
    inference_provider  TEXT,
    route_reason        TEXT   NOT NULL,
    input_tokens        BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens       BIGINT NOT NULL,
    reasoning_tokens    BIGINT NOT NULL,
    usage_source        TEXT   NOT NULL,
    usage_suspect       INT    NOT NULL,
    -- Nano-US-dollars per million tokens.
    input_rate_nanos    BIGINT,
    output_rate_nanos   BIGINT,
    cached_rate_nanos   BIGINT,
    cost_nanos          BIGINT,
    hold_nanos          BIGINT NOT NULL CHECK (typeof(hold_nanos) = 'integer'),
    charge_nanos        BIGINT NOT NULL CHECK (typeof(charge_nanos) = 'integer' AND charge_nanos >= 0),
    uncollected_nanos   BIGINT NOT NULL CHECK (typeof(uncollected_nanos) = 'integer' AND uncollected_nanos >= 0),
    outcome             TEXT   NOT NULL,
    rule                TEXT   NOT NULL,
    status              INT    NOT NULL,
    error_code          TEXT,
    first_token_us      BIGINT,
    total_us            BIGINT NOT NULL,
    attempts            INT    NOT NULL,
    finish_reason       TEXT,
    upstream_id         TEXT,
    -- The client's own names for what the call belongs to.
    session             TEXT,
    label               TEXT,
    -- The model's name in rollups. One that no provider was asked for, or that its provider did not know, could be any
    -- text, and gets no rows of its own there.
    model               TEXT   NOT NULL GENERATED ALWAYS AS
                               (CASE WHEN status = 400 OR status = 404 THEN '' ELSE coalesce(model_served, '') END)
                               VIRTUAL,
    CHECK (charge_nanos <= hold_nanos)
);
INSERT INTO receipts_2 SELECT *, NULL, NULL FROM receipts ORDER BY seq;
DROP TABLE receipts;
ALTER TABLE receipts_2 RENAME TO receipts;
CREATE INDEX receipts_of_account ON receipts (account);
CREATE INDEX receipts_of_session ON receipts (session, account) WHERE session IS NOT NULL;
CREATE INDEX receipts_of_label ON receipts (label, account) WHERE label IS NOT NULL;

-- The sums of receipts by UTC hour and by UTC day, of the time at which the calls started. Both are folded from
-- receipts in the order of seq.
CREATE TABLE usage_hours (
    account             BLOB   NOT NULL,
    -- Whole hours since the Unix epoch.
    bucket              BIGINT NOT NULL,
    key                 BLOB   NOT NULL,
    model               TEXT   NOT NULL,
    provider            TEXT   NOT NULL,
    outcome             TEXT   NOT NULL,
    status              INT    NOT NULL,
    -- Between which receipts its own lie.
    first_seq           BIGINT NOT NULL,
    last_seq            BIGINT NOT NULL,
    requests            BIGINT NOT NULL,
    input_tokens        BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens       BIGINT NOT NULL,
    reasoning_tokens    BIGINT NOT NULL,
    charge_nanos        BIGINT NOT NULL,
    uncollected_nanos   BIGINT NOT NULL,
    -- Histograms: microseconds to the first token, thousandths of an output token per second.
    first_token         BLOB   NOT NULL,
    speed               BLOB   NOT NULL,
    PRIMARY KEY (account, bucket, key, model, provider, outcome, status)
) WITHOUT ROWID;

CREATE TABLE usage_days (
    account             BLOB   NOT NULL,
    -- Whole days since the Unix epoch.
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

-- What each key ever used, so that no start adds up years.
CREATE TABLE usage_totals (
    account      BLOB   NOT NULL,
    key          BLOB   NOT NULL,
    -- Calls that were refused, and all others.
    refused      BIGINT NOT NULL,
    requests     BIGINT NOT NULL,
    -- Of the prompt and of the answer.
    tokens       BIGINT NOT NULL,
    charge_nanos BIGINT NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;

-- How far the rollups have come, and from when on receipts are kept.
CREATE TABLE usage_state (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    -- The last receipt that is in the rollups.
    rolled_seq   BIGINT NOT NULL,
    -- The beginning of a UTC day. Receipts of calls that started and were settled before may be gone.
    keep_from_ms BIGINT NOT NULL CHECK (keep_from_ms % 86400000 = 0)
);
INSERT INTO usage_state (id, rolled_seq, keep_from_ms) VALUES (1, 0, 0);
CREATE TRIGGER usage_state_keeps_horizon BEFORE UPDATE OF keep_from_ms ON usage_state
WHEN NEW.keep_from_ms < OLD.keep_from_ms
BEGIN SELECT RAISE(ABORT, 'what is deleted does not come back'); END;

-- A receipt stays as it was written, and goes when it is in the rollups and older than what is kept.
CREATE TRIGGER receipts_keep_rows BEFORE DELETE ON receipts
WHEN NOT coalesce((SELECT OLD.seq <= rolled_seq AND OLD.started_at_ms < keep_from_ms
                          AND OLD.settled_at_ms < keep_from_ms FROM usage_state), FALSE)
BEGIN SELECT RAISE(ABORT, 'receipts are insert-only'); END;
CREATE TRIGGER receipts_keep_values BEFORE UPDATE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are insert-only'); END;
