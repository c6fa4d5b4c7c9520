import Foundation
import Outbox
package import Postgres

/// `skillrelay.extraction_queue`: the sessions with messages that the built-in extractor has not looked at.
///
/// A session is added in the transaction of its message, and taken off in the one that finds none waiting. Both have the session locked.
package struct ExtractionQueue: Sendable {
    private let pool: PostgresPool
    /// Ends the wait of this process's extractor.
    let signal = WakeSignal()

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// To be called after a commit that has added a session; returns at once.
    package func wake() {
        self.signal.wake()
    }

    struct Entry: Sendable, Hashable {
        let session: UUID
        let dueAt: PostgresTimestamp

        fileprivate init(row: borrowing PostgresRow) throws {
            (self.session, self.dueAt) = try row.decode(UUID.self, PostgresTimestamp.self)
        }
    }

    // MARK: Looking

    /// Sessions that are due, those first that have been for longest.
    ///
    /// - Throws: `PostgresError`.
    func due(after entry: Entry?, limit: Int) async throws -> [Entry] {
        try await self.pool.read(
            Self.due,
            [
                .optional(entry?.dueAt, PostgresValue.timestamp), .optional(entry?.session, PostgresValue.uuid),
                .int8(Int64(limit)),
            ],
            decode: Entry.init(row:)
        )
    }

    private static let due = PostgresStatement(
        "extraction_queue.due",
        """
        SELECT session_id, next_attempt_at
        FROM skillrelay.extraction_queue
        WHERE next_attempt_at <= clock_timestamp()
            AND ($1::timestamptz IS NULL OR (next_attempt_at, session_id) > ($1, $2::uuid))
        ORDER BY next_attempt_at, session_id
        LIMIT $3
        """,
        isReadOnly: true
    )

    // MARK: Leaving

    /// Takes a session off the queue, in a transaction that has it locked.
    ///
    /// - Throws: `PostgresError`.
    static func remove(_ session: UUID, in database: PostgresSession) throws {
        try database.execute(Self.remove, [.uuid(session)])
    }

    private static let remove = PostgresStatement(
        "extraction_queue.remove", "DELETE FROM skillrelay.extraction_queue WHERE session_id = $1"
    )

    /// Takes a session off the queue, if it is gone.
    ///
    /// - Throws: `PostgresError`.
    static func removeOrphan(_ session: UUID, in database: PostgresSession) throws {
        try database.execute(Self.removeOrphan, [.uuid(session)])
    }

    private static let removeOrphan = PostgresStatement(
        "extraction_queue.removeOrphan",
        """
        DELETE FROM skillrelay.extraction_queue
        WHERE session_id = $1 AND NOT EXISTS (SELECT FROM public.sessions WHERE id = $1)
        """
    )

    /// Puts a session off: for a second after its first failure, twice as long after each further one, and five minutes at most.
    ///
    /// - Returns: how often it has failed by now; nil when it is not queued any more.
    /// - Throws: `PostgresError`.
    func postpone(_ session: UUID, error: String) async throws -> Int? {
        try await self.pool.attempt { database, _ in
            try database.query(Self.postpone, [.uuid(session), .text(error)]) { row in try row.decode(Int.self) }.first
        }
    }

    private static let postpone = PostgresStatement(
        "extraction_queue.postpone",
        """
        UPDATE skillrelay.extraction_queue
        SET attempts = attempts + 1, last_error = left($2, 1000),
            next_attempt_at = clock_timestamp() + least(interval '5 minutes', interval '1 second' * 2 ^ least(attempts, 20))
        WHERE session_id = $1
        RETURNING attempts
        """
    )
}
