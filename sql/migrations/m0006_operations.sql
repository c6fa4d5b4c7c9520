-- What an operator does to the outbox, and what the relays tell of themselves.

ALTER TABLE skillrelay.outbox_pending
    -- When the event was queued again; NULL: it waits since it was written.
    ADD COLUMN queued_at timestamptz,
    -- By which run it was queued again.
    ADD COLUMN replay_id uuid;

-- The age of what was queued again; other rows are not in it.
CREATE INDEX outbox_pending_queued_at ON skillrelay.outbox_pending (queued_at) WHERE queued_at IS NOT NULL;

-- One row a run: a replay of events that were delivered or are dead, or a retry of dead ones. A runner in one of the relays queues them in
-- the order of their ids, a chunk a transaction, and writes here how far it has come. It is done when none of them is pending any more.
CREATE TABLE skillrelay.replays (
    id           uuid        PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('replay', 'retry')),
    state        text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    reason       text        NOT NULL,
    filter       jsonb       NOT NULL,
    -- Each event is written again under an id of its own, with the header x-replay-of.
    as_new       boolean     NOT NULL DEFAULT false,
    -- Events a second; NULL: as fast as they go out.
    rate         integer     CHECK (rate > 0),
    -- What matched when it was asked for.
    total        bigint      NOT NULL,
    queued       bigint      NOT NULL DEFAULT 0,
    -- They matched then, and not when their turn came, or could not be written as new; known when the run is done.
    skipped      bigint      NOT NULL DEFAULT 0,
    -- How many of what was queued were parked; known when the run is done.
    died         bigint,
    -- Every event up to here has been dealt with; none after the bound is.
    position     uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    bound        uuid        NOT NULL,
    -- The relay instance that runs it, until it lets go of it or is not heard of any more.
    runner       uuid,
    runner_until timestamptz NOT NULL DEFAULT '-infinity',
    finished_at  timestamptz,
    cancelled_by text,
    -- Why it has failed.
    error        text,
    CHECK ((state = 'running') = (finished_at IS NULL))
) WITH (fillfactor = 50);
CREATE INDEX replays_running ON skillrelay.replays (id) WHERE state = 'running';

-- Which events a run has queued: append-only, one row a chunk, written with the chunk.
CREATE TABLE skillrelay.replay_batches (
    batch     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    replay_id uuid        NOT NULL,
    least     uuid        NOT NULL,
    greatest  uuid        NOT NULL,
    ids       uuid[]      NOT NULL,
    -- The ids they went out under, in the same order, if these are new.
    new_ids   uuid[],
    queued_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON skillrelay.replay_batches (greatest, least);
CREATE INDEX ON skillrelay.replay_batches (replay_id);

-- Dead events that an operator gave up.
CREATE TABLE skillrelay.outbox_discarded (
    id           uuid        PRIMARY KEY,
    attempts     integer     NOT NULL,
    last_error   text        NOT NULL,
    died_at      timestamptz NOT NULL,
    discarded_at timestamptz NOT NULL DEFAULT now(),
    discarded_by text        NOT NULL,
    reason       text        NOT NULL
);

-- What an operator keeps back: one destination, or, without one, everything. Every claim reads this table.
CREATE TABLE skillrelay.pauses (
    exchange    text,
    routing_key text,
    reason      text        NOT NULL,
    paused_by   text        NOT NULL,
    paused_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((exchange IS NULL) = (routing_key IS NULL))
);
-- NULLS NOT DISTINCT came with PostgreSQL 15.
CREATE UNIQUE INDEX ON skillrelay.pauses ((exchange IS NULL), coalesce(exchange, ''), coalesce(routing_key, ''));

-- One row a running relay, renewed every few seconds, removed by a clean stop.
CREATE TABLE skillrelay.relays (
    instance     uuid        PRIMARY KEY,
    host         text        NOT NULL,
    pid          integer     NOT NULL,
    version      text        NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    broker       text        NOT NULL CHECK (broker IN ('connected', 'blocked', 'away')),
    broker_error text,
    -- Those that fail and wait for a probe: [{"exchange", "routing_key", "since", "error"}].
    destinations jsonb       NOT NULL DEFAULT '[]'
) WITH (fillfactor = 50);

-- Who did what, and why. Kept for good.
CREATE TABLE skillrelay.actions (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    by      text        NOT NULL,
    action  text        NOT NULL
        CHECK (action IN ('replay', 'cancel', 'retry', 'discard', 'purge', 'pause', 'resume')),
    reason  text,
    details jsonb       NOT NULL DEFAULT '{}'
);

-- The counts read the pending list; the ages are found by indexes. An event that was queued again is as old as that. What an operator has
-- paused is held, and not due: it waits because somebody wants it to.
CREATE OR REPLACE VIEW skillrelay.relay_status AS
WITH held AS (
    SELECT exchange, routing_key FROM skillrelay.pauses
)
SELECT
    waiting.pending,
    waiting.delayed,
    (SELECT count(*) FROM skillrelay.outbox_dead) AS dead,
    oldest.at AS oldest_pending_at,
    greatest(extract(epoch FROM now() - oldest.at), 0)::double precision AS oldest_pending_age_seconds,
    (SELECT confirmed_at FROM skillrelay.outbox_deliveries ORDER BY batch DESC LIMIT 1) AS last_confirmed_at,
    waiting.held,
    waiting.pending - waiting.held - waiting.delayed AS due,
    oldest_due.at AS oldest_due_at,
    greatest(extract(epoch FROM now() - oldest_due.at), 0)::double precision AS oldest_due_age_seconds,
    (SELECT min(died_at) FROM skillrelay.outbox_dead) AS oldest_dead_at,
    (SELECT count(*) FROM skillrelay.relays WHERE seen_at > now() - interval '30 seconds') AS relays_seen,
    (SELECT count(*) FROM skillrelay.relays WHERE seen_at > now() - interval '30 seconds' AND broker = 'connected')
        AS relays_connected,
    EXISTS (SELECT FROM held WHERE exchange IS NULL) AS is_paused,
    (SELECT count(*) FROM (
        SELECT exchange, routing_key FROM held WHERE exchange IS NOT NULL
        UNION
        SELECT failing ->> 'exchange', failing ->> 'routing_key'
        FROM skillrelay.relays, jsonb_array_elements(destinations) AS failing
        WHERE seen_at > now() - interval '30 seconds'
    ) AS destination) AS paused_destinations
FROM (VALUES (1)) AS one
-- LEFT, so that the planner leaves it out where no count is asked for.
LEFT JOIN (
    SELECT count(*) AS pending, count(*) FILTER (WHERE is_held) AS held,
        count(*) FILTER (WHERE NOT is_held AND next_attempt_at > now()) AS delayed
    FROM (
        SELECT next_attempt_at, EXISTS (SELECT FROM held WHERE exchange IS NULL)
            OR (exchange, routing_key) IN (SELECT * FROM held WHERE exchange IS NOT NULL) AS is_held
        FROM skillrelay.outbox_pending
    ) AS event
) AS waiting ON true
CROSS JOIN LATERAL (
    SELECT least(
        (SELECT skillrelay.uuid7_time(id) FROM skillrelay.outbox_pending WHERE queued_at IS NULL ORDER BY id LIMIT 1),
        (SELECT queued_at FROM skillrelay.outbox_pending WHERE queued_at IS NOT NULL ORDER BY queued_at LIMIT 1)) AS at
) AS oldest
LEFT JOIN LATERAL (
    SELECT least(
        (SELECT skillrelay.uuid7_time(id) FROM skillrelay.outbox_pending
            WHERE queued_at IS NULL AND next_attempt_at <= now()
                AND (exchange, routing_key) NOT IN (SELECT * FROM held WHERE exchange IS NOT NULL) ORDER BY id LIMIT 1),
        (SELECT queued_at FROM skillrelay.outbox_pending
            WHERE queued_at IS NOT NULL AND next_attempt_at <= now()
                AND (exchange, routing_key) NOT IN (SELECT * FROM held WHERE exchange IS NOT NULL)
            ORDER BY queued_at LIMIT 1)) AS at
    WHERE NOT EXISTS (SELECT FROM held WHERE exchange IS NULL)
) AS oldest_due ON true;

-- Whether events of these ids are still needed: one is pending or dead, or a run has yet to come by.
CREATE FUNCTION skillrelay.is_needed(lower_id uuid, upper_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM skillrelay.outbox_pending WHERE id >= lower_id AND id < upper_id)
        OR EXISTS (SELECT FROM skillrelay.outbox_dead WHERE id >= lower_id AND id < upper_id)
        OR EXISTS (SELECT FROM skillrelay.replays WHERE state = 'running' AND position < upper_id AND bound >= lower_id)
$$;

-- Takes one day's partition (UTC) out of the outbox, unless it is still needed; it is then a table of its own, to be dropped when nobody
-- waits. The caller sets lock_timeout: writers wait behind the first lock, and what this does under it is a matter of milliseconds.
CREATE FUNCTION skillrelay.retire_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    name     text := 'outbox_' || to_char(day, 'YYYYMMDD');
    lower_id uuid := skillrelay.uuid7_floor(day::timestamp AT TIME ZONE 'UTC');
    upper_id uuid := skillrelay.uuid7_floor((day + 1)::timestamp AT TIME ZONE 'UTC');
BEGIN
    -- Under the lock nobody queues an event of it again: that reads the event first.
    LOCK TABLE ONLY skillrelay.outbox IN ACCESS EXCLUSIVE MODE;
    IF skillrelay.is_needed(lower_id, upper_id) THEN
        RETURN false;
    END IF;
    -- What the rest needs is free by now, or somebody is at the partition itself.
    EXECUTE format('LOCK TABLE ONLY skillrelay.%I, ONLY skillrelay.outbox_default IN ACCESS EXCLUSIVE MODE NOWAIT', name);
    EXECUTE format('ALTER TABLE skillrelay.outbox DETACH PARTITION skillrelay.%I', name);
    EXECUTE format('ALTER TABLE skillrelay.%I RENAME TO %I', name, 'retired_' || name);
    RETURN true;
END $$;
