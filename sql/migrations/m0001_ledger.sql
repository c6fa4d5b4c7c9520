-- What has been applied. The migrator inserts a migration's row in the transaction that applies it.
CREATE SCHEMA IF NOT EXISTS skillrelay;

CREATE TABLE skillrelay.schema_migrations (
    name       text        PRIMARY KEY,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
