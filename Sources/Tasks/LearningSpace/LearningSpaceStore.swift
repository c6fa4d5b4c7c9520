package import Foundation
package import Postgres

/// Reads and writes `public.learning_spaces` and, in an extension, `public.learning_space_sessions`.
package struct LearningSpaceStore: Sendable {
    let pool: PostgresPool
    let onEvent: @Sendable () -> Void
    let turns = RowTurns()

    /// - Parameters:
    ///   - pool: to the database of the spaces.
    ///   - onEvent: called after a commit, for each event that it wrote: the relay's nudge. Must return at once.
    package init(pool: PostgresPool, onEvent: @escaping @Sendable () -> Void = {}) {
        self.pool = pool
        self.onEvent = onEvent
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
                    decode: Self.decode
                )[0]
            },
            find: { database in
                try database.query(Self.find, [.uuid(id), .uuid(project)], decode: Self.decode).first
            }
        )
    }

    private static let insert = PostgresStatement(
        "learning_spaces.insert",
        """
        WITH \(UserStatement.owner(project: "$1::uuid", identifier: "$2::text"))
        INSERT INTO public.learning_spaces (id, project_id, user_id, meta)
        VALUES ($4, $1, (SELECT id FROM owner), $3)
        RETURNING \(Self.columns)
        """
    )

    /// The project's spaces by creation: only the user's, if one is named, and only those whose meta contains `filter`, the JSON text of an
    /// object.
    ///
    /// - Throws: `PostgresError`.
    package func list(
        project: UUID,
        user: String?,
        filter: String?,
        page: PageRequest
    ) async throws -> Page<LearningSpace> {
        var query = PageQuery("learning_spaces.list", Self.columns, from: "public.learning_spaces", project: project)
        if let user { query.belong(to: user) }
        if let filter { query.contain(filter, in: "meta") }
        return try await query.page(page, from: self.pool, decode: Self.decode) {
            PageCursor(createdAt: $0.createdAt, id: $0.id)
        }
    }

    /// - Throws: `TasksError.learningSpaceNotFound`, `PostgresError`.
    package func get(_ id: UUID, project: UUID) async throws -> LearningSpace {
        let space = try await self.pool.read(Self.find, [.uuid(id), .uuid(project)], decode: Self.decode).first
        guard let space else { throw TasksError.learningSpaceNotFound }
        return space
    }

    private static let find = PostgresStatement(
        "learning_spaces.find",
        "SELECT \(Self.columns) FROM public.learning_spaces WHERE id = $1 AND project_id = $2",
        isReadOnly: true
    )

    /// Sets some keys of the meta: `patch` is the JSON text of an object, and what is null there is null then.
    ///
    /// - Returns: a write that throws `TasksError.learningSpaceNotFound`, `PostgresError`.
    package func patchMeta(of id: UUID, project: UUID, with patch: String) -> Write<LearningSpace> {
        Write(
            pool: self.pool,
            locks: (id, self.turns),
            isOneStatement: true,
            run: { database in
                let spaces = try database.query(
                    Self.patchMeta, [.uuid(id), .uuid(project), .json(patch)], decode: Self.decode
                )
                guard let space = spaces.first else { throw TasksError.learningSpaceNotFound }
                return space
            },
            find: { _ in nil }
        )
    }

    private static let patchMeta = PostgresStatement(
        "learning_spaces.patchMeta",
        """
        UPDATE public.learning_spaces
        SET meta = CASE jsonb_typeof(meta) WHEN 'object' THEN meta ELSE '{}' END || $3, updated_at = clock_timestamp()
        WHERE id = $1 AND project_id = $2
        RETURNING \(Self.columns)
        """
    )

    /// Deletes a space, and its ties to sessions and skills; those stay.
    ///
    /// - Returns: a write that throws `TasksError.learningSpaceNotFound`, `PostgresError`.
    package func delete(_ id: UUID, project: UUID) -> Write<Void> {
        Write(
            pool: self.pool,
            locks: (id, self.turns),
            isOneStatement: false,
            run: { database in
                try LearningSpaceOwnership.lock(space: id, project: project, in: database)
                try database.execute(Self.delete, [.uuid(id)])
            },
            find: { database in
                // It was there, or no commit would be in doubt.
                try database.query(Self.find, [.uuid(id), .uuid(project)], decode: Self.decode).isEmpty ? () : nil
            }
        )
    }

    private static let delete = PostgresStatement(
        "learning_spaces.delete", "DELETE FROM public.learning_spaces WHERE id = $1"
    )

    private static let columns = "id, user_id, meta::text, created_at, updated_at"

    private static func decode(_ row: borrowing PostgresRow) throws -> LearningSpace {
        let (id, user, meta, created, updated) = try row.decode(
            UUID.self, UUID?.self, String?.self, PostgresTimestamp.self, PostgresTimestamp.self
        )
        return LearningSpace(id: id, userID: user, meta: meta ?? "{}", createdAt: created, updatedAt: updated)
    }
}
