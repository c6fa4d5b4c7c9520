import Foundation
import Postgres

/// The statement that queues a run's next events and writes how far it has come, in one: so a crash repeats nothing, and of two runners that
/// both believe to have the run one finds that it has moved on.
struct ReplayChunk {
    /// Ids that a chunk looks at, at most, for events that match: what it costs when few do.
    static let span = 10_000
    /// Of what a chunk writes as new, payloads together; one larger event goes alone.
    static let newBytes = 8 * 1024 * 1024

    let run: UUID
    let statement: PostgresStatement
    private let selection: EventSelection
    private let candidateIDs: [PostgresValue]

    struct Outcome: Equatable {
        /// Every event through here has been dealt with.
        let position: UUID
        /// None is left.
        let isThrough: Bool
        /// What was queued, by its place in the claim's order.
        let places: [Int64]
    }

    init(run: UUID, filter: EventFilter, asNew: Bool) {
        self.run = run
        // Ids are candidates; as a condition, each would be looked for in all of them.
        self.selection = EventSelection(filter.withoutIDs, firstParameter: 7)
        let candidates: String
        if !filter.ids.isEmpty {
            candidates = "(SELECT DISTINCT unnest($\(7 + self.selection.parameters.count)::uuid[]) AS id)"
            self.candidateIDs = [.uuidArray(filter.ids)]
        } else {
            // Of the states that a run takes, only dead events have an error.
            let isDeadOnly = filter.states == [.dead] || filter.error != nil
            candidates = isDeadOnly ? "skillrelay.outbox_dead" : "skillrelay.outbox"
            self.candidateIDs = []
        }
        self.statement = PostgresStatement(
            "replay.chunk",
            asNew ? Self.renewing(self.selection, candidates) : Self.repeating(self.selection, candidates))
    }

    /// Queues the next events that match, if the run is still `runner`'s and at `position`.
    ///
    /// - Parameters:
    ///   - count: how many at most.
    ///   - span: how many ids to look at for them.
    ///   - position: up to where the run has come.
    ///   - bound: the last that can match.
    ///   - runner: whose the run is.
    ///   - session: with a transaction open.
    /// - Returns: nil when it is not.
    /// - Throws: `PostgresError`.
    func queue(
        _ count: Int, of span: Int, after position: UUID, through bound: UUID, runner: UUID,
        in session: PostgresSession
    ) throws -> Outcome? {
        try session.query(
            self.statement,
            [
                .uuid(self.run), .uuid(runner), .uuid(position), .uuid(bound), .int8(Int64(span)), .int8(Int64(count)),
            ] + self.selection.parameters + self.candidateIDs
        ) { row in
            let (position, isThrough, places) = try row.decode(UUID.self, Bool.self, [Int64].self)
            return Outcome(position: position, isThrough: isThrough, places: places)
        }.first
    }

    // Under its own id. A dead event is taken off the dead list under its lock: one that somebody else has taken meanwhile, or is about to, is
    // left alone, so that no run waits for an operator's discard.
    private static func repeating(_ selection: EventSelection, _ candidates: String) -> String {
        """
        \(Self.looking(selection, candidates, columns: """
            EXISTS (SELECT FROM skillrelay.outbox_dead AS dead WHERE dead.id = o.id) AS was_dead
            """)), matching AS (
            SELECT * FROM looked
        ), taken AS MATERIALIZED (
            SELECT id FROM skillrelay.outbox_dead WHERE id IN (SELECT id FROM matching WHERE was_dead)
            FOR UPDATE SKIP LOCKED
        ), revived AS (
            DELETE FROM skillrelay.outbox_dead WHERE id IN (SELECT id FROM taken) RETURNING id
        ), queued AS (
            INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key, maybe_sent, queued_at, replay_id)
            SELECT id, exchange, routing_key, was_dead, clock_timestamp(), $1
            FROM matching
            WHERE NOT was_dead OR id IN (SELECT id FROM revived)
            ORDER BY id
            ON CONFLICT (id) DO NOTHING
            RETURNING id, seq
        ), batch AS (
            INSERT INTO skillrelay.replay_batches (replay_id, least, greatest, ids)
            SELECT $1, ids[1], ids[cardinality(ids)], ids
            FROM (SELECT array_agg(id ORDER BY id) AS ids FROM queued) AS chunk
            WHERE ids IS NOT NULL
        )
        \(Self.moving(candidates))
        """
    }

    // Under a new id: another event, that says which one it repeats. What the headers have no room for is left out.
    private static func renewing(_ selection: EventSelection, _ candidates: String) -> String {
        """
        \(Self.looking(selection, candidates, columns: """
            octet_length(o.payload) AS bytes, skillrelay.uuid7() AS new_id
            """)), matching AS MATERIALIZED (
            SELECT * FROM (
                SELECT *, row_number() OVER (ORDER BY id) AS place, sum(bytes) OVER (ORDER BY id) AS bytes_through FROM looked
            ) AS sized
            WHERE place = 1 OR bytes_through <= \(Self.newBytes)
        ), written AS (
            INSERT INTO skillrelay.outbox (id, exchange, routing_key, type, payload, headers, subject)
            SELECT new_id, e.exchange, e.routing_key, e.type, e.payload, e.new_headers, e.subject
            FROM matching AS m CROSS JOIN LATERAL (
                SELECT *, headers || jsonb_build_object('x-replay-of', o.id::text) AS new_headers
                FROM skillrelay.outbox AS o WHERE o.id = m.id OFFSET 0
            ) AS e
            WHERE octet_length(e.new_headers::text) <= 65536
            RETURNING id
        ), queued AS (
            INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key, queued_at, replay_id)
            SELECT new_id, exchange, routing_key, clock_timestamp(), $1
            FROM matching WHERE new_id IN (SELECT id FROM written)
            ORDER BY id
            RETURNING id, seq
        ), batch AS (
            INSERT INTO skillrelay.replay_batches (replay_id, least, greatest, ids, new_ids)
            SELECT $1, ids[1], ids[cardinality(ids)], ids, new_ids
            FROM (
                SELECT array_agg(m.id ORDER BY m.id) AS ids, array_agg(m.new_id ORDER BY m.id) AS new_ids
                FROM queued JOIN matching AS m ON m.new_id = queued.id
            ) AS chunk
            WHERE ids IS NOT NULL
        )
        \(Self.moving(candidates))
        """
    }

    // The run's row is locked first, and looked at again once it is: nothing else happens without it. LATERAL with OFFSET 0 looks each
    // candidate up by key, in the order of their ids, and stops with the last one wanted.
    private static func looking(_ selection: EventSelection, _ candidates: String, columns: String) -> String {
        """
        WITH run AS MATERIALIZED (
            SELECT id FROM skillrelay.replays
            WHERE id = $1 AND state = 'running' AND runner = $2 AND position = $3
            FOR UPDATE
        ), looked AS MATERIALIZED (
            SELECT m.*
            FROM (
                SELECT c.id FROM \(candidates) AS c
                WHERE c.id > $3 AND c.id <= $4 AND EXISTS (SELECT FROM run)
                ORDER BY c.id
                LIMIT $5
            ) AS c
            CROSS JOIN LATERAL (
                SELECT o.id, o.exchange, o.routing_key, \(columns)
                FROM \(selection.source)
                WHERE o.id = c.id AND (\(selection.condition))
                OFFSET 0
            ) AS m
            ORDER BY c.id
            LIMIT $6
        )
        """
    }

    // To the last event that was dealt with, if there may be more; else to the last candidate that was looked at, or to the end.
    private static func moving(_ candidates: String) -> String {
        """
        UPDATE skillrelay.replays AS r
        SET queued = r.queued + (SELECT count(*) FROM queued),
            position = CASE
                WHEN (SELECT count(*) FROM matching) < (SELECT count(*) FROM looked) OR (SELECT count(*) FROM looked) = $6
                THEN (SELECT id FROM matching ORDER BY id DESC LIMIT 1)
                ELSE coalesce((
                    SELECT c.id FROM \(candidates) AS c WHERE c.id > $3 AND c.id <= $4 ORDER BY c.id OFFSET $5 - 1 LIMIT 1
                ), r.bound) END
        FROM run
        WHERE r.id = run.id
        RETURNING r.position, r.position >= r.bound, coalesce((SELECT array_agg(seq) FROM queued), '{}')
        """
    }
}
