-- Accounts, grants, receipts, the journal of money, keys, settings.
--
-- Identifiers are 16 bytes, big endian. Money is a whole number of nano-US-dollars; a sum that does not fit would turn
-- into a real number, so the checks name the type. Times are milliseconds since the Unix epoch.

CREATE TABLE accounts (
    id            BLOB   NOT NULL PRIMARY KEY CHECK (typeof(id) = 'blob' AND length(id) = 16),
    name          TEXT   NOT NULL,
    kind          TEXT   NOT NULL CHECK (kind IN ('prepaid', 'metered')),
    plan          TEXT,
    -- What was ever granted, and what was ever charged: the rest is available.
    granted_nanos BIGINT NOT NULL CHECK (typeof(granted_nanos) = 'integer' AND granted_nanos >= 0),
    spent_nanos   BIGINT NOT NULL CHECK (typeof(spent_nanos) = 'integer' AND spent_nanos >= 0),
    created_at_ms BIGINT NOT NULL,
    CHECK (spent_nanos <= granted_nanos)
) WITHOUT ROWID;

CREATE TABLE grants (
    id            BLOB   NOT NULL PRIMARY KEY CHECK (typeof(id) = 'blob' AND length(id) = 16),
    account       BLOB   NOT NULL REFERENCES accounts (id),
    -- The caller's name for the grant: what makes it happen once.
    reference     TEXT   NOT NULL,
    amount_nanos  BIGINT NOT NULL CHECK (typeof(amount_nanos) = 'integer' AND amount_nanos > 0),
    -- Granted less spent, right after it.
    balance_nanos BIGINT NOT NULL CHECK (typeof(balance_nanos) = 'integer' AND balance_nanos >= amount_nanos),
    created_at_ms BIGINT NOT NULL,
    UNIQUE (account, reference)
) WITHOUT ROWID;

-- Every movement of money, once: from the debited account to the credited one, so that the sum over all accounts is
-- always zero. Besides customers there are two accounts of the operator: 1 issues credit, 2 collects revenue.
--
--   grant        issued -> customer    ref: the grant
--   credit_line  issued -> customer    ref: a call; what a metered account used beyond its grants
--   charge       customer -> revenue   ref: the call
CREATE TABLE journal (
    -- Not "IN": SQLite would build a table of the three words at every insert, which doubles the cost of a call.
    reason       TEXT   NOT NULL CHECK (reason = 'grant' OR reason = 'credit_line' OR reason = 'charge'),
    ref          BLOB   NOT NULL CHECK (typeof(ref) = 'blob' AND length(ref) = 16),
    debit        BLOB   NOT NULL CHECK (typeof(debit) = 'blob' AND length(debit) = 16),
    credit       BLOB   NOT NULL CHECK (typeof(credit) = 'blob' AND length(credit) = 16),
    amount_nanos BIGINT NOT NULL CHECK (typeof(amount_nanos) = 'integer' AND amount_nanos > 0),
    at_ms        BIGINT NOT NULL,
    PRIMARY KEY (reason, ref),
    CHECK (debit <> credit)
) WITHOUT ROWID;

-- One row per settled call, in the order of settlement.
CREATE TABLE receipts (
    seq                 INTEGER PRIMARY KEY,
    account             BLOB   NOT NULL REFERENCES accounts (id),
    call                BLOB   NOT NULL CHECK (typeof(call) = 'blob' AND length(call) = 16),
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
    CHECK (charge_nanos <= hold_nanos),
    -- Settles a call once, and lists an account's calls: their ids are ordered in time.
    UNIQUE (account, call)
);

CREATE TABLE keys (
    id            BLOB   NOT NULL PRIMARY KEY CHECK (typeof(id) = 'blob' AND length(id) = 16),
    account       BLOB   NOT NULL REFERENCES accounts (id),
    name          TEXT   NOT NULL,
    -- The visible beginning of the secret; of the secret itself there is only the SHA-256.
    prefix        TEXT   NOT NULL,
    digest        BLOB   NOT NULL UNIQUE CHECK (typeof(digest) = 'blob' AND length(digest) = 32),
    created_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT
) WITHOUT ROWID;

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- The last good listing of each provider, as it was sent.
CREATE TABLE catalogues (
    provider      TEXT   NOT NULL PRIMARY KEY,
    body          BLOB   NOT NULL,
    fetched_at_ms BIGINT NOT NULL
);

-- What is written about money stays as it was written: corrections are new rows.
CREATE TRIGGER journal_keeps_rows BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is insert-only'); END;
CREATE TRIGGER journal_keeps_values BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is insert-only'); END;
CREATE TRIGGER receipts_keep_rows BEFORE DELETE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are insert-only'); END;
CREATE TRIGGER receipts_keep_values BEFORE UPDATE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are insert-only'); END;
CREATE TRIGGER grants_keep_rows BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'grants are insert-only'); END;
CREATE TRIGGER grants_keep_values BEFORE UPDATE ON grants
BEGIN SELECT RAISE(ABORT, 'grants are insert-only'); END;
