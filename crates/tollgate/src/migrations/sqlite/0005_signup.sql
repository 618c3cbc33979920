-- Sign-up: who signed up, whom the operator invited, and which credit was paid for.

-- Who signed up for the account: how it was proven, and the SHA-256 of the identity. Both are null where the operator
-- made the account.
ALTER TABLE accounts ADD COLUMN identity_kind TEXT
    CHECK (identity_kind IS NULL OR identity_kind = 'invite' OR identity_kind = 'oidc');
ALTER TABLE accounts ADD COLUMN identity BLOB
    CHECK (identity IS NULL OR (typeof(identity) = 'blob' AND length(identity) = 32));

-- One account, and so one trial, per identity.
CREATE UNIQUE INDEX accounts_identity ON accounts (identity) WHERE identity IS NOT NULL;

-- Whether somebody paid for the credit, which ends a trial, or it was given.
ALTER TABLE grants ADD COLUMN paid INT NOT NULL DEFAULT 1 CHECK (paid = 0 OR paid = 1);

CREATE TABLE invites (
    id            BLOB   NOT NULL PRIMARY KEY CHECK (typeof(id) = 'blob' AND length(id) = 16),
    -- The SHA-256 of the code; the code itself is nowhere.
    digest        BLOB   NOT NULL UNIQUE CHECK (typeof(digest) = 'blob' AND length(digest) = 32),
    -- Whom it is for, as the operator named them, normalised.
    identity      TEXT   NOT NULL,
    -- The plan that it opens; the configured one when there is none.
    plan          TEXT,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT,
    used_at_ms    BIGINT,
    -- The account that it opened.
    account       BLOB   REFERENCES accounts (id),
    CHECK ((used_at_ms IS NULL) = (account IS NULL))
) WITHOUT ROWID;
