-- What an event is about, what a message holds, which sessions wait for their tasks, and which event a kept answer tells of.

-- The task or message that the event tells of: what became of it can be asked.
ALTER TABLE skillrelay.outbox ADD COLUMN subject uuid;
CREATE INDEX ON skillrelay.outbox (subject) WHERE subject IS NOT NULL;

DROP FUNCTION skillrelay.enqueue_as(uuid, text, text, bytea, jsonb, text);
CREATE FUNCTION skillrelay.enqueue_as(
    id uuid, exchange text, routing_key text, payload bytea, headers jsonb, type text, subject uuid DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO skillrelay.outbox (id, exchange, routing_key, type, payload, headers, subject)
    VALUES (enqueue_as.id, enqueue_as.exchange, enqueue_as.routing_key, enqueue_as.type, enqueue_as.payload,
            coalesce(enqueue_as.headers, '{}'), enqueue_as.subject);
    INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key)
    VALUES (enqueue_as.id, enqueue_as.exchange, enqueue_as.routing_key);
    RETURN enqueue_as.id;
END $$;

-- The parts of a message where no object store is configured. They go with their message, whoever deletes it.
CREATE TABLE skillrelay.message_parts (
    message_id uuid PRIMARY KEY REFERENCES public.messages ON DELETE CASCADE,
    -- json, not jsonb: numbers and the order of keys stay as they came.
    parts      json NOT NULL
);

-- Sessions with messages that the built-in extractor has not looked at.
CREATE TABLE skillrelay.extraction_queue (
    session_id      uuid        PRIMARY KEY,
    queued_at       timestamptz NOT NULL DEFAULT now(),
    -- Of a session that could not be read.
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error      text
);
CREATE INDEX ON skillrelay.extraction_queue (next_attempt_at, session_id);

-- The event that a kept answer tells of.
ALTER TABLE skillrelay.idempotency_keys ADD COLUMN event_id uuid;
