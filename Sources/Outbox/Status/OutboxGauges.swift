package import Postgres

/// How the outbox gets on, as the database has it. Reads no more than the ends of indexes, and what is always few: for whoever asks often.
package struct OutboxGauges: Sendable, Hashable {
    package let dead: Int
    /// Seconds since the oldest event was written, or queued again; 0 without any.
    package let oldestPendingAge: Double
    /// The same, of those that nothing keeps back but the relay, the broker or their destination.
    package let oldestDueAge: Double
    /// Relays that were heard of in the last half minute.
    package let relaysSeen: Int
    package let isPaused: Bool
    package let pausedDestinations: Int

    /// - Throws: `PostgresError`.
    package static func read(from pool: PostgresPool) async throws -> OutboxGauges {
        try await pool.query(Self.statement) { row in
            let (dead, pendingAge, dueAge, relays, isPaused, paused) = try row.decode(
                Int.self, Double.self, Double.self, Int.self, Bool.self, Int.self
            )
            return OutboxGauges(
                dead: dead, oldestPendingAge: pendingAge, oldestDueAge: dueAge, relaysSeen: relays, isPaused: isPaused,
                pausedDestinations: paused
            )
        }[0]
    }

    static let statement = PostgresStatement(
        "outbox.gauges",
        """
        SELECT dead, coalesce(oldest_pending_age_seconds, 0), coalesce(oldest_due_age_seconds, 0), relays_seen, is_paused,
            paused_destinations
        FROM skillrelay.relay_status
        """,
        isReadOnly: true
    )
}
