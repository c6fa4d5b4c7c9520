-- What is still to be done in the object store for messages that were deleted. None of it refers to another table: projects go, too.

-- Objects that nothing names any more. A key stays here for a while after its object is gone, and is not given out meanwhile: whoever is late
-- in removing it removes nothing else.
CREATE TABLE skillrelay.object_removals (
    s3_key     text        PRIMARY KEY,
    project_id uuid        NOT NULL,
    sha256     text        NOT NULL,
    due_at     timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);
CREATE INDEX ON skillrelay.object_removals (due_at) WHERE removed_at IS NULL;
CREATE INDEX ON skillrelay.object_removals (removed_at) WHERE removed_at IS NOT NULL;

-- Messages that Acontext had stored. Which files they name is known once their parts are read; until then they count as users of both.
CREATE TABLE skillrelay.part_releases (
    message_id uuid        PRIMARY KEY,
    project_id uuid        NOT NULL,
    sha256     text        NOT NULL,
    s3_key     text        NOT NULL,
    due_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON skillrelay.part_releases (due_at);
