-- What a key may do and use, who made it, and the secret that it had before.

ALTER TABLE keys ADD COLUMN role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'management'));
-- The key that made it; NULL when the operator did.
ALTER TABLE keys ADD COLUMN maker BLOB;
-- Its own limits: an object as the API shows them, money as decimal strings.
ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
-- Lists of patterns of models and of networks; NULL is all.
ALTER TABLE keys ADD COLUMN models TEXT;
ALTER TABLE keys ADD COLUMN networks TEXT;
-- When it stops working; NULL is never.
ALTER TABLE keys ADD COLUMN expires_at_ms BIGINT;
-- An object of names with strings.
ALTER TABLE keys ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
-- When it last got a new secret, and until when the one before goes on working; NULL when that has ended.
ALTER TABLE keys ADD COLUMN rotated_at_ms BIGINT;
ALTER TABLE keys ADD COLUMN previous_digest BLOB
    CHECK (previous_digest IS NULL OR (typeof(previous_digest) = 'blob' AND length(previous_digest) = 32));
ALTER TABLE keys ADD COLUMN previous_until_ms BIGINT
    CHECK ((previous_until_ms IS NULL) = (previous_digest IS NULL));
