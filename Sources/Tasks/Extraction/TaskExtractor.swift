package import Foundation
package import Postgres

/// Makes tasks of messages where no CORE does it, by the `ExtractionRule`.
///
/// Each message counts once, however many instances and flushes are at it: a batch of messages is read first, because their parts may be in
/// an object store, and then, in one transaction under the lock of the session, those of them that still wait are marked together with what
/// is made of them. It is also the lock that gives tasks their order.
///
/// A message whose parts are not there holds up those after it for a minute, since Acontext may be about to upload them; then it is failed.
package struct TaskExtractor: Sendable {
    /// Messages read at one time: each may be as large as a request.
    static let maxMessages = 8
    /// As many batches of flushes are under way at one time.
    private static let lanes = (0..<4).map { _ in UUID() }

    private let pool: PostgresPool
    private let pending: @Sendable (_ session: UUID, _ limit: Int) async throws -> [Message]
    /// One batch in each lane.
    private let turns = RowTurns(patience: .seconds(8))

    /// - Parameters:
    ///   - pool: to the database of the messages.
    ///   - pending: the oldest messages of a session that nobody has processed, with their parts.
    package init(
        pool: PostgresPool,
        pending: @escaping @Sendable (_ session: UUID, _ limit: Int) async throws -> [Message]
    ) {
        self.pool = pool
        self.pending = pending
    }

    enum Outcome: Sendable {
        /// Nothing waits, as far as this batch knows.
        case done
        /// There may be more.
        case more
        /// Somebody else is at the session.
        case busy
        /// The oldest message cannot be read yet.
        case heldUp
    }

    /// Processes all that waits in a session, unless its task tracking is disabled.
    ///
    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`, and what reading messages throws; what
    ///   was processed before stays so.
    package func flush(session: UUID, project: UUID) async throws {
        var outcome = Outcome.more
        while outcome == .more {
            outcome = try await self.inLane(of: session) {
                try await self.pool.attempt { database, _ in
                    try SessionOwnership.require(session: session, project: project, in: database)
                }
                return try await self.extract(session, waits: true)
            }
        }
    }

    /// Processes one batch of a session that is queued; waits for nobody who has it locked, and for no lane: the background is one more.
    ///
    /// - Throws: `PostgresError`, and what reading messages throws.
    func extract(_ session: UUID) async throws -> Outcome {
        try await self.extract(session, waits: false)
    }

    private func inLane<R: Sendable>(of session: UUID, _ body: () async throws -> R) async throws -> R {
        let lane = Int(session.uuid.15) % Self.lanes.count
        return try await self.turns.take(Self.lanes[lane], body)
    }

    private func extract(_ session: UUID, waits: Bool) async throws -> Outcome {
        // Before they are read: what was not asked for is not unreadable, but somebody else has been here meanwhile.
        let asked = try await self.pool.read(
            Self.findOldest, [.uuid(session), .int8(Int64(Self.maxMessages))]
        ) { row in try row.decode(UUID.self) }
        let messages = try await self.pending(session, Self.maxMessages)
        // Nothing can be in doubt after a second run: it finds what the first has done.
        return try await self.pool.attempt { database, _ in
            // On the connection's thread, where it keeps no other request waiting, and before anything is locked.
            let messages = messages.map(SaidMessage.init)
            return try database.transaction {
                guard let owner = try Self.lock(session, waits: waits, in: database) else {
                    try ExtractionQueue.removeOrphan(session, in: database)
                    return waits ? .done : .busy
                }
                let batch =
                    owner.tracksTasks ? try Batch(messages, of: Set(asked), session: session, in: database) : Batch()
                try batch.write(session: session, project: owner.project, in: database)
                if batch.outcome == .done { try ExtractionQueue.remove(session, in: database) }
                return batch.outcome
            }
        }
    }

    // MARK: Batches

    /// What of the oldest messages that wait can be processed.
    private struct Batch {
        var readable: [SaidMessage] = []
        var unreadable: [UUID] = []
        var outcome = Outcome.done

        init() {}

        /// Locks them. `messages` are the oldest as they were read before, of those that were `asked` for.
        init(_ messages: [SaidMessage], of asked: Set<UUID>, session: UUID, in database: PostgresSession) throws {
            let read = Dictionary(messages.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
            let oldest = try database.query(
                TaskExtractor.lockOldest, [.uuid(session), .int8(Int64(TaskExtractor.maxMessages))]
            ) { row in
                let (id, isNew) = try row.decode(UUID.self, Bool.self)
                return (id: id, isNew: isNew)
            }
            self.outcome = oldest.count < TaskExtractor.maxMessages ? .done : .more
            for (id, isNew) in oldest {
                if let message = read[id] {
                    self.readable.append(message)
                } else if !asked.contains(id) {
                    self.outcome = .more
                    break
                } else if isNew {
                    // Its parts have not come yet.
                    self.outcome = self.readable.isEmpty && self.unreadable.isEmpty ? .heldUp : .more
                    break
                } else {
                    self.unreadable.append(id)
                }
            }
        }

        func write(session: UUID, project: UUID, in database: PostgresSession) throws {
            if !self.unreadable.isEmpty { try database.execute(TaskExtractor.fail, [.uuidArray(self.unreadable)]) }
            guard let first = self.readable.first else { return }
            let previous = try database.query(
                TaskExtractor.previousTask, [.uuid(session), .timestamp(first.createdAt), .uuid(first.id)]
            ) { row in try row.decode(UUID.self) }.first
            var rule = ExtractionRule(previous: previous)
            for message in self.readable { rule.take(message) }
            try rule.write(previous: previous, session: session, project: project, in: database)
        }
    }

    // MARK: Locks

    private struct Owner {
        let project: UUID
        let tracksTasks: Bool
    }

    /// Nil when the session is gone, or, without waiting, somebody else's.
    private static func lock(_ session: UUID, waits: Bool, in database: PostgresSession) throws -> Owner? {
        try database.query(waits ? Self.lockSession : Self.tryLockSession, [.uuid(session)]) { row in
            let (project, tracksTasks) = try row.decode(UUID.self, Bool.self)
            return Owner(project: project, tracksTasks: tracksTasks)
        }.first
    }

    private static let selectSession = """
        SELECT project_id, NOT disable_task_tracking FROM public.sessions WHERE id = $1 FOR NO KEY UPDATE
        """
    private static let lockSession = PostgresStatement("extraction.lockSession", Self.selectSession)
    // SKIP LOCKED: who has it appends a task or a message, or extracts; it is looked at again.
    private static let tryLockSession = PostgresStatement(
        "extraction.tryLockSession", Self.selectSession + " SKIP LOCKED"
    )

    private static let findOldest = PostgresStatement(
        "extraction.findOldest",
        """
        SELECT id FROM public.messages
        WHERE session_id = $1 AND session_task_process_status = 'pending'
        ORDER BY created_at, id
        LIMIT $2
        """,
        isReadOnly: true
    )

    private static let lockOldest = PostgresStatement(
        "extraction.lockOldest",
        """
        SELECT id, created_at > clock_timestamp() - interval '1 minute' FROM public.messages
        WHERE session_id = $1 AND session_task_process_status = 'pending'
        ORDER BY created_at, id
        LIMIT $2
        FOR NO KEY UPDATE
        """
    )

    private static let fail = PostgresStatement(
        "extraction.fail",
        """
        UPDATE public.messages SET session_task_process_status = 'failed', updated_at = clock_timestamp()
        WHERE id = ANY($1::uuid[])
        """
    )

    private static let previousTask = PostgresStatement(
        "extraction.previousTask",
        """
        SELECT task_id FROM public.messages
        WHERE session_id = $1 AND (created_at, id) < ($2, $3) AND task_id IS NOT NULL
        ORDER BY created_at DESC, id DESC
        LIMIT 1
        """,
        isReadOnly: true
    )
}
