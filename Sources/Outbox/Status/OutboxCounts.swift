package import Postgres

/// How much there is in the pending list, and how much that was there: what takes the longer to find out the more it is.
package struct OutboxCounts: Sendable, Hashable {
    package let due: Int
    package let delayed: Int
    /// Kept back by an operator.
    package let held: Int
    package let vacuum: Vacuum

    /// What is left of delivered events, and who keeps vacuum from removing it.
    package struct Vacuum: Sendable, Hashable {
        package let deadTuples: Int
        /// The process that holds back the horizon; nil for a prepared transaction, an unused replication slot, or nobody.
        package let holder: Int?
        /// How long it has done so; nil where nobody does, or nothing tells since when.
        package let holderAge: Double?
        /// Transactions that have begun since.
        package let heldTransactions: Int
    }

    /// Reads the pending list once.
    ///
    /// - Throws: `PostgresError`.
    package static func read(from pool: PostgresPool) async throws -> OutboxCounts {
        try await pool.perform { session in
            let vacuum = try session.query(Self.vacuum) { row in
                let (deadTuples, holder, age, transactions) = try row.decode(
                    Int.self, Int?.self, Double?.self, Int.self
                )
                return Vacuum(deadTuples: deadTuples, holder: holder, holderAge: age, heldTransactions: transactions)
            }[0]
            return try session.query(Self.pending) { row in
                let (due, delayed, held) = try row.decode(Int.self, Int.self, Int.self)
                return OutboxCounts(due: due, delayed: delayed, held: held, vacuum: vacuum)
            }[0]
        }
    }

    private static let pending = PostgresStatement(
        "outbox.counts", "SELECT due, delayed, held FROM skillrelay.relay_status", isReadOnly: true)

    // For a table of this database the horizon is held by its own sessions, by a standby's feedback, which comes through a walsender or a
    // slot, and by prepared transactions. Sessions of other roles show their age only to a member of pg_monitor.
    private static let vacuum = PostgresStatement(
        "outbox.vacuum",
        """
        SELECT coalesce((
                SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = 'skillrelay.outbox_pending'::regclass
            ), 0), holder.pid, extract(epoch FROM now() - holder.since)::double precision, coalesce(holder.held, 0)
        FROM (VALUES (1)) AS one LEFT JOIN (
            SELECT pid, xact_start AS since, greatest(age(backend_xmin), age(backend_xid)) AS held FROM pg_stat_activity
            WHERE (datname = current_database() OR backend_type = 'walsender') AND pid <> pg_backend_pid()
            UNION ALL
            SELECT NULL, prepared, age(transaction) FROM pg_prepared_xacts WHERE database = current_database()
            UNION ALL
            SELECT active_pid, NULL, age(xmin) FROM pg_replication_slots
            ORDER BY held DESC NULLS LAST LIMIT 1
        ) AS holder ON holder.held IS NOT NULL
        """,
        isReadOnly: true
    )
}
