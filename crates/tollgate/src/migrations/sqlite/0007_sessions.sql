-- Sessions: what clients said and what models answered, kept so that a later call can go on from there.
--
-- Every text is stored once. A turn has only its own new items; what came before it is found by walking its parents, or
-- by reading its conversation. Identifiers are 16 bytes, big endian; times are milliseconds since the Unix epoch.

-- What the account's sessions take, in bytes: the sum over its sessions, kept so that a start need not add it up.
ALTER TABLE accounts ADD COLUMN session_bytes BIGINT NOT NULL DEFAULT 0 CHECK (typeof(session_bytes) = 'integer');

-- What is kept and deleted as one: a tree of responses that continue one another, or a conversation with its responses.
--
--   thread        a tree of responses
--   conversation  a list of items that clients can read and change, and the responses that took part in it
--   remains       was deleted, and its rows go a few at a time: all of them where account is null, else those that
--                 belong to no response
CREATE TABLE sessions (
    id            INTEGER PRIMARY KEY,
    -- Null once it is deleted as a whole, so that nobody finds it any more.
    account       BLOB REFERENCES accounts (id),
    kind          TEXT NOT NULL CHECK (kind = 'thread' OR kind = 'conversation' OR kind = 'remains'),
    conversation  BLOB UNIQUE CHECK (length(conversation) = 16),
    -- The name that a client gave it, if any.
    name          TEXT,
    -- JSON.
    metadata      TEXT,
    created_at_ms INTEGER NOT NULL,
    -- When something was last added to it.
    used_at_ms    INTEGER NOT NULL,
    -- What its turns and items take.
    bytes         INTEGER NOT NULL,
    CHECK ((kind = 'conversation') = (conversation IS NOT NULL)),
    CHECK ((kind = 'conversation') = (metadata IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX sessions_by_name ON sessions (account, name) WHERE name IS NOT NULL;
CREATE INDEX sessions_by_use ON sessions (used_at_ms) WHERE account IS NOT NULL;
CREATE INDEX sessions_to_clear ON sessions (id) WHERE kind = 'remains';

-- A call's stored response.
CREATE TABLE turns (
    id            INTEGER PRIMARY KEY,
    call          BLOB    NOT NULL UNIQUE CHECK (length(call) = 16),
    session       INTEGER NOT NULL REFERENCES sessions (id),
    -- The call that it continues. It may have been deleted since, so it is no reference.
    parent        BLOB    CHECK (length(parent) = 16),
    -- Whether it was made in the conversation, rather than beside it by continuing one of its responses.
    joined        INTEGER NOT NULL,
    background    INTEGER NOT NULL,
    status        TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    -- The response object without its output, as JSON. Last, so that a walk of parents does not read it.
    head          TEXT    NOT NULL
) STRICT;

CREATE INDEX turns_of_session ON turns (session);
-- Those that a start finds interrupted.
CREATE INDEX turns_open ON turns (id) WHERE status = 'queued' OR status = 'in_progress';

-- Items, in the order in which they were stored. Each is part of a turn, of a conversation, or of both, and goes when it
-- is part of neither.
CREATE TABLE items (
    seq          INTEGER PRIMARY KEY,
    account      BLOB    NOT NULL,
    turn         INTEGER REFERENCES turns (id),
    conversation INTEGER REFERENCES sessions (id),
    -- Whether the model wrote it.
    output       INTEGER NOT NULL,
    -- The name that clients know it by. A client may send the same one twice, and so may another client.
    id           TEXT    NOT NULL,
    -- JSON. Last, so that whoever only counts does not read it.
    body         TEXT    NOT NULL,
    CHECK (turn IS NOT NULL OR conversation IS NOT NULL)
) STRICT;

-- Each in the order of storing: an index ends with the row's number. By account first, so that nobody's ids are in the
-- way of another's.
CREATE INDEX items_by_id ON items (account, id);
CREATE INDEX items_of_turn ON items (turn) WHERE turn IS NOT NULL;
CREATE INDEX items_of_conversation ON items (conversation) WHERE conversation IS NOT NULL;
CREATE INDEX items_of_no_turn ON items (conversation) WHERE turn IS NULL;
