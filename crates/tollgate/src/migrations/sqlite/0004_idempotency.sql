-- Answers that are kept for a day, so that a request that is repeated with its Idempotency-Key gets the same one.

CREATE TABLE answers (
    id            INTEGER PRIMARY KEY,
    -- Whose key it is: an account, or the digest of a credential where there is no account yet.
    scope         BLOB   NOT NULL CHECK (typeof(scope) = 'blob' AND length(scope) = 16),
    -- The SHA-256 of the route and the key, and that of what was asked.
    name          BLOB   NOT NULL CHECK (typeof(name) = 'blob' AND length(name) = 32),
    request       BLOB   NOT NULL CHECK (typeof(request) = 'blob' AND length(request) = 32),
    call          BLOB   CHECK (call IS NULL OR (typeof(call) = 'blob' AND length(call) = 16)),
    status        INT    NOT NULL,
    content_type  TEXT   NOT NULL,
    -- The body, sealed under a secret that only the client has; null where it was too large to be kept.
    sealed        BLOB,
    expires_at_ms BIGINT NOT NULL CHECK (typeof(expires_at_ms) = 'integer'),
    UNIQUE (scope, name)
);

CREATE INDEX answers_by_expiry ON answers (expires_at_ms);
