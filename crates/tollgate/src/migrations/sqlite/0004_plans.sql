-- What an account's plan is, and when its trial ends; plans that operators made by the admin API.

-- Milliseconds since the Unix epoch; NULL when the account is on no trial.
ALTER TABLE accounts ADD COLUMN trial_ends_at_ms BIGINT;

CREATE TABLE plans (
    name          TEXT   NOT NULL PRIMARY KEY,
    -- Limits, allowed models and trial, as the admin API shows them.
    body          TEXT   NOT NULL,
    updated_at_ms BIGINT NOT NULL
) WITHOUT ROWID;
