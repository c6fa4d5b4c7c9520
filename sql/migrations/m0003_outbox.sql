-- The outbox: an immutable event row, and a narrow pending row for as long as the event is still to be sent.

-- Version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits; so ids sort by day and the day is in the id.
CREATE FUNCTION skillrelay.uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_bit(set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
            52, 1), 53, 1),
        'hex')::uuid
$$;

-- The least id of a moment: the bound between two days' partitions.
CREATE FUNCTION skillrelay.uuid7_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT rpad(lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

CREATE FUNCTION skillrelay.uuid7_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_timestamp(('x0000' || left(replace(id::text, '-', ''), 12))::bit(64)::bigint / 1000.0)
$$;

-- Written once, never updated. AMQP short strings hold 255 bytes (AMQP 0-9-1 §4.2.5.3), and a header is a string, a boolean or a 64-bit
-- whole number: what could not be published is refused here.
CREATE TABLE skillrelay.outbox (
    id          uuid        PRIMARY KEY,
    exchange    text        NOT NULL CHECK (octet_length(exchange) <= 255),
    routing_key text        NOT NULL CHECK (octet_length(routing_key) <= 255),
    type        text        CHECK (octet_length(type) <= 255),
    payload     bytea       NOT NULL CHECK (octet_length(payload) <= 1048576),
    headers     jsonb       NOT NULL DEFAULT '{}' CHECK (
        jsonb_typeof(headers) = 'object' AND octet_length(headers::text) <= 65536
        AND NOT jsonb_path_exists(headers, 'strict $.* ? (
            @.type() == "object" || @.type() == "array" || @.type() == "null" || @.type() == "number"
            && (@.floor() != @ || @ > 9223372036854775807 || @ < -9223372036854775808))')),
    created_at  timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (id);

-- Takes an event whose day has no partition (a clock far off, a service that was down for long): a write never fails for that.
CREATE TABLE skillrelay.outbox_default PARTITION OF skillrelay.outbox DEFAULT;

CREATE TABLE skillrelay.outbox_pending (
    -- The claim's order. Drawn by the server, so that a client's clock cannot hide a row.
    seq             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid        NOT NULL UNIQUE,
    -- Here too, so that a claim can pass over the events of a destination that fails.
    exchange        text        NOT NULL,
    routing_key     text        NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT '-infinity',
    -- An earlier publish may have reached the broker: the message goes out marked x-possible-duplicate.
    maybe_sent      boolean     NOT NULL DEFAULT false,
    last_error      text
) WITH (
    -- Every row is deleted within moments: vacuum by number of dead rows, not by a share of a table that is nearly empty, and unthrottled.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000
);

CREATE TABLE skillrelay.outbox_dead (
    id         uuid        PRIMARY KEY,
    attempts   integer     NOT NULL,
    last_error text        NOT NULL,
    died_at    timestamptz NOT NULL DEFAULT now()
);

-- One row a batch, in the transaction that takes the batch off the pending list.
CREATE TABLE skillrelay.outbox_deliveries (
    batch        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    least        uuid        NOT NULL,
    greatest     uuid        NOT NULL,
    ids          uuid[]      NOT NULL,
    confirmed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON skillrelay.outbox_deliveries (greatest, least);

-- Writes one event under an id drawn by the caller: a statement whose reply was lost can run again and cannot write a second event.
CREATE FUNCTION skillrelay.enqueue_as(
    id uuid, exchange text, routing_key text, payload bytea, headers jsonb, type text
) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO skillrelay.outbox (id, exchange, routing_key, type, payload, headers)
    VALUES (enqueue_as.id, enqueue_as.exchange, enqueue_as.routing_key, enqueue_as.type, enqueue_as.payload,
            coalesce(enqueue_as.headers, '{}'));
    INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key)
    VALUES (enqueue_as.id, enqueue_as.exchange, enqueue_as.routing_key);
    RETURN enqueue_as.id;
END $$;

-- The outbox for any service's own transaction.
CREATE FUNCTION skillrelay.enqueue(
    exchange text, routing_key text, payload bytea, headers jsonb DEFAULT '{}', type text DEFAULT NULL
) RETURNS uuid LANGUAGE sql AS $$
    SELECT skillrelay.enqueue_as(skillrelay.uuid7(), exchange, routing_key, payload, headers, type)
$$;

-- Makes one day's partition (UTC), unless it exists or events of that day are in the default partition already, where they may stay.
CREATE FUNCTION skillrelay.make_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    name     text := 'outbox_' || to_char(day, 'YYYYMMDD');
    lower_id uuid := skillrelay.uuid7_floor(day::timestamp AT TIME ZONE 'UTC');
    upper_id uuid := skillrelay.uuid7_floor((day + 1)::timestamp AT TIME ZONE 'UTC');
BEGIN
    IF to_regclass('skillrelay.' || name) IS NOT NULL
        OR EXISTS (SELECT FROM skillrelay.outbox_default WHERE id >= lower_id AND id < upper_id)
    THEN
        RETURN false;
    END IF;
    -- ATTACH instead of PARTITION OF: writers to the other partitions go on meanwhile.
    EXECUTE format('CREATE TABLE skillrelay.%I (LIKE skillrelay.outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format(
        'ALTER TABLE skillrelay.outbox ATTACH PARTITION skillrelay.%I FOR VALUES FROM (%L) TO (%L)', name, lower_id, upper_id);
    RETURN true;
END $$;

-- Makes the partitions of the days to come; returns how many. Not today's: events that are being written to the default partition
-- would fail. One caller at a time works, another returns at once.
CREATE FUNCTION skillrelay.ensure_partitions(days_ahead integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    made  integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('skillrelay.ensure_partitions')) THEN
        RETURN 0;
    END IF;
    FOR n IN 1..days_ahead LOOP
        IF skillrelay.make_partition(today + n) THEN
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

SELECT skillrelay.make_partition((now() AT TIME ZONE 'UTC')::date), skillrelay.ensure_partitions(7);

-- What an outside monitor needs when no process is left to ask.
CREATE VIEW skillrelay.relay_status AS
SELECT
    (SELECT count(*) FROM skillrelay.outbox_pending) AS pending,
    (SELECT count(*) FROM skillrelay.outbox_pending WHERE next_attempt_at > now()) AS delayed,
    (SELECT count(*) FROM skillrelay.outbox_dead) AS dead,
    oldest.at AS oldest_pending_at,
    greatest(extract(epoch FROM now() - oldest.at), 0)::double precision AS oldest_pending_age_seconds,
    (SELECT confirmed_at FROM skillrelay.outbox_deliveries ORDER BY batch DESC LIMIT 1) AS last_confirmed_at
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (
    SELECT skillrelay.uuid7_time(id) AS at FROM skillrelay.outbox_pending ORDER BY id LIMIT 1
) AS oldest ON true;
