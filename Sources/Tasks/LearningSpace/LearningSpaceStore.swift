package import Foundation
package import Postgres

/// Reads and writes `public.learning_spaces` and `public.learning_space_sessions`.
package struct LearningSpaceStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Makes a space, and its user if that is new.
    ///
    /// `user` is the user's identifier, `meta` the JSON text of an object; nil is stored as JSON null, as upstream does.
    ///
    /// - Returns: a write that throws `PostgresError`.
    package func create(project: UUID, user: String?, meta: String?) -> Write<LearningSpace> {
        let id = UUID()
        return Write(
            pool: self.pool,
            isOneStatement: true,
            run: { database in
                try database.query(
                    Self.insert,
                    [.uuid(project), .optional(user, PostgresValue.text), .json(meta ?? "null"), .uuid(id)],
                    decode: Self.decodeSpace
                )[0]
            },
            find: { database in
                try database.query(Self.find, [.uuid(id), .uuid(project)], decode: Self.decodeSpace).first
            }
        )
    }

    private static let insert = PostgresStatement(
        "learning_spaces.insert",
        """
        WITH \(UserStatement.owner(project: "$1::uuid", identifier: "$2::text"))
        INSERT INTO public.learning_spaces (id, project_id, user_id, meta)
        VALUES ($4, $1, (SELECT id FROM owner), $3)
        RETURNING id, user_id, meta::text, created_at, updated_at
        """
    )

    /// - Throws: `TasksError.learningSpaceNotFound`, `PostgresError`.
    package func get(_ id: UUID, project: UUID) async throws -> LearningSpace {
        let space = try await self.pool.read(Self.find, [.uuid(id), .uuid(project)], decode: Self.decodeSpace).first
        guard let space else { throw TasksError.learningSpaceNotFound }
        return space
    }

    private static let find = PostgresStatement(
        "learning_spaces.find",
        """
        SELECT id, user_id, meta::text, created_at, updated_at FROM public.learning_spaces WHERE id = $1 AND project_id = $2
        """,
        isReadOnly: true
    )

    /// Ties a session to a space; tasks that finish from now on are learned from.
    ///
    /// - Returns: a write that throws `TasksError.learningSpaceNotFound`; `TasksError.sessionNotFound` also for a session of another project;
    ///   `TasksError.sessionAlreadyLearned` when any space has it; `PostgresError`.
    package func learn(space: UUID, session: UUID, project: UUID) -> Write<LearningSpaceSession> {
        let id = UUID()
        return Write(
            pool: self.pool,
            isOneStatement: false,
            run: { database in
                let spaces = try database.query(Self.find, [.uuid(space), .uuid(project)], decode: Self.decodeSpace)
                guard !spaces.isEmpty else { throw TasksError.learningSpaceNotFound }
                // The lock makes two calls for one session take turns, whether or not the database has upstream's unique key.
                let sessions = try database.execute(Self.lockSession, [.uuid(session), .uuid(project)])
                guard sessions == 1 else { throw TasksError.sessionNotFound }
                let ties = try database.query(
                    Self.insertTie, [.uuid(id), .uuid(space), .uuid(session)], decode: Self.decodeTie
                )
                guard let tie = ties.first else { throw TasksError.sessionAlreadyLearned }
                return tie
            },
            find: { database in try database.query(Self.findTie, [.uuid(id)], decode: Self.decodeTie).first }
        )
    }

    private static let lockSession = PostgresStatement(
        "sessions.lock",
        "SELECT FROM public.sessions WHERE id = $1 AND project_id = $2 FOR NO KEY UPDATE"
    )

    private static let insertTie = PostgresStatement(
        "learning_space_sessions.insert",
        """
        INSERT INTO public.learning_space_sessions (id, learning_space_id, session_id, status)
        SELECT $1, $2, $3, 'pending'
        WHERE NOT EXISTS (SELECT FROM public.learning_space_sessions WHERE session_id = $3)
        ON CONFLICT DO NOTHING
        RETURNING id, learning_space_id, session_id, status, created_at, updated_at
        """
    )

    private static let findTie = PostgresStatement(
        "learning_space_sessions.find",
        """
        SELECT id, learning_space_id, session_id, status, created_at, updated_at
        FROM public.learning_space_sessions WHERE id = $1
        """,
        isReadOnly: true
    )

    private static func decodeSpace(_ row: borrowing PostgresRow) throws -> LearningSpace {
        let (id, user, meta, created, updated) = try row.decode(
            UUID.self, UUID?.self, String?.self, PostgresTimestamp.self, PostgresTimestamp.self
        )
        return LearningSpace(id: id, userID: user, meta: meta ?? "{}", createdAt: created, updatedAt: updated)
    }

    private static func decodeTie(_ row: borrowing PostgresRow) throws -> LearningSpaceSession {
        let (id, space, session, status, created, updated) = try row.decode(
            UUID.self, UUID.self, UUID.self, String.self, PostgresTimestamp.self, PostgresTimestamp.self
        )
        return LearningSpaceSession(
            id: id, learningSpaceID: space, sessionID: session, status: status, createdAt: created, updatedAt: updated
        )
    }
}
