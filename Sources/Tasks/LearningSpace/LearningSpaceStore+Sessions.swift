package import Foundation
import Postgres

extension LearningSpaceStore {
    /// Ties a session to a space; tasks that finish from now on are learned from. With `includesFinished` those that are finished already
    /// are, too: their events, with the request's trace context as `headers`, are written in the same transaction.
    ///
    /// - Returns: a write that throws `TasksError.learningSpaceNotFound`; `TasksError.sessionNotFound` also for a session of another project;
    ///   `TasksError.sessionAlreadyLearned` when any space has it; `PostgresError`.
    package func learn(
        space: UUID,
        session: UUID,
        project: UUID,
        includesFinished: Bool = false,
        headers: [String: String] = [:]
    ) -> Write<LearningStart> {
        let id = UUID()
        return Write(
            pool: self.pool,
            locks: (session, self.turns),
            isOneStatement: false,
            run: { database in
                try LearningSpaceOwnership.require(space: space, project: project, in: database)
                // The lock makes two calls for one session take turns, whether or not the database has upstream's unique key.
                let sessions = try database.execute(Self.lockSession, [.uuid(session), .uuid(project)])
                guard sessions == 1 else { throw TasksError.sessionNotFound }
                let ties = try database.query(
                    Self.insert, [.uuid(id), .uuid(space), .uuid(session)], decode: Self.decode
                )
                guard let tie = ties.first else { throw TasksError.sessionAlreadyLearned }
                guard includesFinished else { return LearningStart(tie: tie, eventCount: 0) }
                let count = try FinishedTasks.enqueue(
                    session: session, project: project, headers: headers, in: database
                )
                return LearningStart(tie: tie, eventCount: count)
            },
            find: { database in
                // How many events came with it is not known: one wakes the relay as well.
                try database.query(Self.find, [.uuid(id)], decode: Self.decode).first.map {
                    LearningStart(tie: $0, eventCount: includesFinished ? 1 : 0)
                }
            },
            onCommit: { start in
                for _ in 0..<start.eventCount { self.onEvent() }
            }
        )
    }

    private static let lockSession = PostgresStatement(
        "sessions.lock",
        "SELECT FROM public.sessions WHERE id = $1 AND project_id = $2 FOR NO KEY UPDATE"
    )

    private static let insert = PostgresStatement(
        "learning_space_sessions.insert",
        """
        INSERT INTO public.learning_space_sessions (id, learning_space_id, session_id, status)
        SELECT $1, $2, $3, 'pending'
        WHERE NOT EXISTS (SELECT FROM public.learning_space_sessions WHERE session_id = $3)
        ON CONFLICT DO NOTHING
        RETURNING \(Self.columns)
        """
    )

    private static let find = PostgresStatement(
        "learning_space_sessions.find",
        "SELECT \(Self.columns) FROM public.learning_space_sessions WHERE id = $1",
        isReadOnly: true
    )

    /// The sessions that the space learns, by when it took them.
    ///
    /// - Throws: `TasksError.learningSpaceNotFound`, `PostgresError`.
    package func sessions(of space: UUID, project: UUID) async throws -> [LearningSpaceSession] {
        try await self.pool.attempt { database, _ in
            try LearningSpaceOwnership.require(space: space, project: project, in: database)
            return try database.query(Self.list, [.uuid(space)], decode: Self.decode)
        }
    }

    private static let list = PostgresStatement(
        "learning_space_sessions.list",
        """
        SELECT \(Self.columns) FROM public.learning_space_sessions WHERE learning_space_id = $1 ORDER BY created_at, id
        """,
        isReadOnly: true
    )

    /// - Throws: `TasksError.learningSpaceNotFound`, `TasksError.learningSpaceSessionNotFound`, `PostgresError`.
    package func session(_ session: UUID, of space: UUID, project: UUID) async throws -> LearningSpaceSession {
        try await self.pool.attempt { database, _ in
            try LearningSpaceOwnership.require(space: space, project: project, in: database)
            let ties = try database.query(Self.findOfSpace, [.uuid(space), .uuid(session)], decode: Self.decode)
            guard let tie = ties.first else { throw TasksError.learningSpaceSessionNotFound }
            return tie
        }
    }

    // Some Acontext databases hold several rows for one session (contract.md §4.3): the first is the one.
    private static let findOfSpace = PostgresStatement(
        "learning_space_sessions.findOfSpace",
        """
        SELECT \(Self.columns) FROM public.learning_space_sessions WHERE learning_space_id = $1 AND session_id = $2
        ORDER BY created_at, id LIMIT 1
        """,
        isReadOnly: true
    )

    private static let columns = "id, learning_space_id, session_id, status, created_at, updated_at"

    private static func decode(_ row: borrowing PostgresRow) throws -> LearningSpaceSession {
        let (id, space, session, status, created, updated) = try row.decode(
            UUID.self, UUID.self, UUID.self, String.self, PostgresTimestamp.self, PostgresTimestamp.self
        )
        return LearningSpaceSession(
            id: id, learningSpaceID: space, sessionID: session, status: status, createdAt: created, updatedAt: updated
        )
    }
}
