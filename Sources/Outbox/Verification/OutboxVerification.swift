package import Foundation
package import Postgres

/// The outbox's books, balanced: every committed event is pending, dead, discarded or delivered, and nothing else is.
package struct OutboxVerification: Sendable, Hashable, Encodable {
    /// Rows in the outbox.
    package let committed: Int
    package let pending: Int
    package let dead: Int
    /// Dead events that an operator gave up.
    package let discarded: Int
    /// Events that were confirmed at least once, however often they were sent.
    package let delivered: Int
    /// Committed, and neither pending nor dead nor discarded nor delivered: lost.
    package let missing: EventFinding
    /// Pending, dead, discarded or delivered, and never committed.
    package let stray: EventFinding

    /// Compares the tables with each other, as of one moment.
    ///
    /// - Parameters:
    ///   - since: only events whose ids were drawn at or after this time; nil for all that are kept.
    ///   - connection: reads as many rows as there are events; its statement timeout must allow for that.
    /// - Returns: the counts, and what does not balance.
    /// - Throws: `PostgresError`.
    package static func run(since: PostgresTimestamp?, on connection: PostgresConnection) async throws -> Self {
        try await connection.perform { session in
            try session.query(Self.statement, [.optional(since, PostgresValue.timestamp)], decode: Self.init(row:))[0]
        }
    }

    private init(row: borrowing PostgresRow) throws {
        let (committed, pending, dead, discarded, delivered, missing, missingIDs, stray, strayIDs) = try row.decode(
            Int64.self, Int64.self, Int64.self, Int64.self, Int64.self, Int64.self, String.self, Int64.self, String.self
        )
        self.committed = Int(committed)
        self.pending = Int(pending)
        self.dead = Int(dead)
        self.discarded = Int(discarded)
        self.delivered = Int(delivered)
        self.missing = EventFinding(count: missing, ids: missingIDs)
        self.stray = EventFinding(count: stray, ids: strayIDs)
    }

    // What tells of events outlives the partition of their day: without one they are no strays.
    private static let statement = PostgresStatement(
        "outbox.verify",
        """
        WITH bound AS (
            SELECT coalesce(skillrelay.uuid7_floor($1::timestamptz), '00000000-0000-0000-0000-000000000000') AS least
        ), entry AS (
            SELECT id, 'committed' AS book FROM skillrelay.outbox
            UNION ALL SELECT id, 'pending' FROM skillrelay.outbox_pending
            UNION ALL SELECT id, 'dead' FROM skillrelay.outbox_dead
            UNION ALL SELECT id, 'discarded' FROM skillrelay.outbox_discarded
            UNION ALL SELECT sent.id, 'delivered'
            FROM bound, skillrelay.outbox_deliveries AS d, unnest(d.ids) AS sent (id)
            WHERE d.greatest >= bound.least
        ), event AS (
            SELECT id, bool_or(book = 'committed') AS committed, bool_or(book = 'pending') AS pending,
                bool_or(book = 'dead') AS dead, bool_or(book = 'discarded') AS discarded,
                bool_or(book = 'delivered') AS delivered
            FROM entry, bound
            WHERE id >= bound.least
            GROUP BY id
        ), judged AS (
            SELECT *, committed AND NOT (pending OR dead OR discarded OR delivered) AS missing,
                CASE WHEN committed THEN false WHEN pending OR dead THEN true ELSE to_regclass(
                    'skillrelay.outbox_' || to_char(skillrelay.uuid7_time(id) AT TIME ZONE 'UTC', 'YYYYMMDD')
                ) IS NOT NULL END AS stray
            FROM event
        )
        SELECT count(*) FILTER (WHERE committed), count(*) FILTER (WHERE pending), count(*) FILTER (WHERE dead),
            count(*) FILTER (WHERE discarded), count(*) FILTER (WHERE delivered),
            count(*) FILTER (WHERE missing), \(EventFinding.ids(where: "missing")),
            count(*) FILTER (WHERE stray), \(EventFinding.ids(where: "stray"))
        FROM judged
        """
    )
}

/// Events that should not be as they are.
package struct EventFinding: Sendable, Hashable, Encodable {
    package let count: Int
    /// The first hundred, oldest first.
    package let ids: [String]

    fileprivate init(count: Int64, ids: String) {
        self.count = Int(count)
        self.ids = ids.split(separator: " ").map(String.init)
    }

    /// The column that ``init(count:ids:)`` reads.
    fileprivate static func ids(where condition: String) -> String {
        "coalesce(array_to_string((array_agg(id ORDER BY id) FILTER (WHERE \(condition)))[1:100], ' '), '')"
    }
}

/// What was confirmed, compared with what a tap queue holds: a queue bound beside the consumer's, which nobody reads.
package struct TapVerification: Sendable, Hashable {
    /// Events of the tap's destination that were confirmed since the tap was bound.
    package let delivered: Int
    /// Confirmed, and not in the tap.
    package let missing: EventFinding
    /// In the tap, and never committed.
    package let stray: EventFinding

    /// The database's time: what was confirmed before it is in the tap when the tap is read after it.
    package static func now(on connection: PostgresConnection) async throws -> PostgresTimestamp {
        try await connection.perform { session in
            try session.query(Self.clock) { row in try row.decode(PostgresTimestamp.self) }[0]
        }
    }

    /// Compares, as of one moment.
    ///
    /// - Parameters:
    ///   - ids: the message ids in the tap.
    ///   - destination: what the tap is bound to.
    ///   - since: when it was bound.
    ///   - until: a time from ``now(on:)`` before the tap was read.
    ///   - connection: its statement timeout must allow for reading as many rows as there are deliveries.
    /// - Returns: what is on one side only.
    /// - Throws: `PostgresError`.
    package static func run(
        ids: Set<UUID>,
        destination: Destination,
        since: PostgresTimestamp,
        until: PostgresTimestamp,
        on connection: PostgresConnection
    ) async throws -> Self {
        let parameters: [PostgresValue] = [
            .uuidArray(Array(ids)), .text(destination.exchange), .text(destination.routingKey), .timestamp(since),
            .timestamp(until),
        ]
        return try await connection.perform { session in
            try session.query(Self.statement, parameters, decode: Self.init(row:))[0]
        }
    }

    private init(row: borrowing PostgresRow) throws {
        let (delivered, missing, missingIDs, stray, strayIDs) = try row.decode(
            Int64.self, Int64.self, String.self, Int64.self, String.self
        )
        self.delivered = Int(delivered)
        self.missing = EventFinding(count: missing, ids: missingIDs)
        self.stray = EventFinding(count: stray, ids: strayIDs)
    }

    private static let clock = PostgresStatement("outbox.clock", "SELECT clock_timestamp()")

    private static let statement = PostgresStatement(
        "outbox.verifyTap",
        """
        WITH tap AS (
            SELECT id FROM unnest($1::uuid[]) AS t (id)
        ), delivered AS (
            SELECT DISTINCT o.id
            FROM skillrelay.outbox_deliveries AS d, unnest(d.ids) AS sent (id), skillrelay.outbox AS o
            WHERE d.confirmed_at BETWEEN $4 AND $5 AND o.id = sent.id AND o.exchange = $2 AND o.routing_key = $3
        ), judged AS (
            SELECT id, delivered.id IS NOT NULL AS delivered, tap.id IS NULL AS missing,
                tap.id IS NOT NULL AND NOT EXISTS (SELECT FROM skillrelay.outbox AS o WHERE o.id = tap.id) AS stray
            FROM delivered FULL JOIN tap USING (id)
        )
        SELECT count(*) FILTER (WHERE delivered), count(*) FILTER (WHERE missing), \(EventFinding.ids(where: "missing")),
            count(*) FILTER (WHERE stray), \(EventFinding.ids(where: "stray"))
        FROM judged
        """
    )
}
