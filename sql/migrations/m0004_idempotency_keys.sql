-- Which requests were answered under which Idempotency-Key, and what. A row commits together with the effect it stands for.
CREATE TABLE skillrelay.idempotency_keys (
    project_id  uuid        NOT NULL,
    key         text        NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
    -- SHA-256 of method, path, query and body.
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- The answer: NULL only until the transaction that took the key has made it.
    status      integer     CHECK (status BETWEEN 200 AND 299),
    body        bytea,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (project_id, key)
);
CREATE INDEX ON skillrelay.idempotency_keys (expires_at);
