package import Foundation
package import Postgres

/// Reads and writes `public.sessions`.
package struct SessionStore: Sendable {
    private let pool: PostgresPool
    private let turns = RowTurns()

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    // MARK: Making

    /// Makes a session, and its user if that is new; the project's own session of the id asked for is handed over as it is.
    ///
    /// - Returns: a write that throws `TasksError.sessionExists` when the id asked for is another project's session's; `PostgresError`.
    package func create(_ new: NewSession) -> Write<SessionCreation> {
        let id = new.id ?? UUID()
        return Write(
            pool: self.pool,
            isOneStatement: new.id == nil,
            run: { database in
                // Before a user is made for it.
                if new.id != nil, let session = try Self.existing(id, project: new.projectID, in: database) {
                    return SessionCreation(session: session, isNew: false)
                }
                let made = try database.query(
                    Self.insert,
                    [
                        .uuid(new.projectID), .optional(new.user, PostgresValue.text), .uuid(id),
                        .bool(new.disablesTaskTracking), .bool(new.disablesTaskStatusChange),
                        .json(new.configs ?? "null"),
                    ],
                    decode: Self.decode
                ).first
                if let made { return SessionCreation(session: made, isNew: true) }
                // Made at the same moment: by another, unless the id is this write's own.
                guard let session = try Self.existing(id, project: new.projectID, in: database) else {
                    throw TasksError.sessionExists
                }
                return SessionCreation(session: session, isNew: new.id == nil)
            },
            find: { database in
                // What is there under an id that was asked for may be another request's, and is the right answer all the same.
                try Self.existing(id, project: new.projectID, in: database).map {
                    SessionCreation(session: $0, isNew: new.id == nil)
                }
            }
        )
    }

    private static func existing(_ id: UUID, project: UUID, in database: PostgresSession) throws -> Session? {
        guard let session = try database.query(Self.find, [.uuid(id)], decode: Self.decode).first else { return nil }
        guard session.projectID == project else { throw TasksError.sessionExists }
        return session
    }

    private static let insert = PostgresStatement(
        "sessions.insert",
        """
        WITH \(UserStatement.owner(project: "$1::uuid", identifier: "$2::text"))
        INSERT INTO public.sessions (id, project_id, user_id, disable_task_tracking, disable_task_status_change, configs)
        VALUES ($3, $1, (SELECT id FROM owner), $4, $5, $6)
        ON CONFLICT DO NOTHING
        RETURNING \(Self.columns)
        """
    )

    // MARK: Reading

    /// The project's sessions by creation: only the user's, if one is named, and only those whose configs contain `filter`, the JSON text
    /// of an object.
    ///
    /// - Throws: `PostgresError`.
    package func list(project: UUID, user: String?, filter: String?, page: PageRequest) async throws -> Page<Session> {
        var query = PageQuery("sessions.list", Self.columns, from: "public.sessions", project: project)
        if let user { query.belong(to: user) }
        if let filter { query.contain(filter, in: "configs") }
        return try await query.page(page, from: self.pool, decode: Self.decode) {
            PageCursor(createdAt: $0.createdAt, id: $0.id)
        }
    }

    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`.
    package func get(_ id: UUID, project: UUID) async throws -> Session {
        let session = try await self.pool.read(Self.find, [.uuid(id)], decode: Self.decode).first
        guard let session else { throw TasksError.sessionNotFound }
        guard session.projectID == project else { throw TasksError.sessionOfAnotherProject }
        return session
    }

    private static let find = PostgresStatement(
        "sessions.find", "SELECT \(Self.columns) FROM public.sessions WHERE id = $1", isReadOnly: true
    )

    // MARK: Configs

    /// Replaces the configs; `configs` is the JSON text of an object, nil leaves them and only says that the session was touched.
    ///
    /// - Returns: a write that throws `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`.
    package func replaceConfigs(of id: UUID, project: UUID, with configs: String?) -> Write<Void> {
        Write(
            pool: self.pool,
            locks: (id, self.turns),
            isOneStatement: true,
            run: { database in
                let parameters: [PostgresValue] = [
                    .uuid(id), .uuid(project), .optional(configs, PostgresValue.json),
                ]
                guard try database.execute(Self.replaceConfigs, parameters) == 1 else {
                    throw try SessionOwnership.refusal(session: id, project: project, in: database)
                }
            },
            find: { _ in nil }
        )
    }

    private static let replaceConfigs = PostgresStatement(
        "sessions.replaceConfigs",
        """
        UPDATE public.sessions SET configs = coalesce($3, configs), updated_at = clock_timestamp()
        WHERE id = $1 AND project_id = $2
        """
    )

    /// Sets some keys of the configs: `patch` is the JSON text of an object, and a key that is null there is taken out.
    ///
    /// - Returns: a write of the configs as they are then, the JSON text of an object; throws `TasksError.sessionNotFound` also for a
    ///   session of another project, as upstream does; `PostgresError`.
    package func patchConfigs(of id: UUID, project: UUID, with patch: String) -> Write<String> {
        Write(
            pool: self.pool,
            locks: (id, self.turns),
            isOneStatement: true,
            run: { database in
                let configs = try database.query(
                    Self.patchConfigs, [.uuid(id), .uuid(project), .json(patch)]
                ) { row in try row.decode(String.self) }
                guard let configs = configs.first else { throw TasksError.sessionNotFound }
                return configs
            },
            find: { _ in nil }
        )
    }

    // Reads what it changes under the row's lock: of two patches at once neither is lost.
    private static let patchConfigs = PostgresStatement(
        "sessions.patchConfigs",
        """
        UPDATE public.sessions AS s
        SET configs = (CASE jsonb_typeof(s.configs) WHEN 'object' THEN s.configs ELSE '{}' END || $3)
                - ARRAY(SELECT p.key FROM jsonb_each($3) AS p WHERE p.value = 'null'),
            updated_at = clock_timestamp()
        WHERE s.id = $1 AND s.project_id = $2
        RETURNING s.configs::text
        """
    )

    // MARK: Deleting

    /// Deletes a session and all that hangs on it.
    ///
    /// - Returns: a write that throws `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`.
    package func delete(_ id: UUID, project: UUID) -> Write<Void> {
        Write(
            pool: self.pool,
            locks: (id, self.turns),
            isOneStatement: false,
            statementTimeout: SessionDeletion.statementTimeout,
            run: { database in
                guard try database.execute(Self.lockForDeletion, [.uuid(id), .uuid(project)]) == 1 else {
                    throw try SessionOwnership.refusal(session: id, project: project, in: database)
                }
                try SessionDeletion.run([id], in: database)
            },
            find: { database in
                // It was there, and the project's, or no commit would be in doubt.
                try database.query(Self.find, [.uuid(id)], decode: Self.decode).isEmpty ? () : nil
            }
        )
    }

    private static let lockForDeletion = PostgresStatement(
        "sessions.lockForDeletion", "SELECT FROM public.sessions WHERE id = $1 AND project_id = $2 FOR UPDATE"
    )

    // MARK: Rows

    private static let columns = """
        id, project_id, user_id, disable_task_tracking, disable_task_status_change, configs::text, created_at, updated_at
        """

    private static func decode(_ row: borrowing PostgresRow) throws -> Session {
        let (id, project, user, tracking, statusChange, configs, created, updated) = try row.decode(
            UUID.self, UUID.self, UUID?.self, Bool.self, Bool.self, String?.self, PostgresTimestamp.self,
            PostgresTimestamp.self
        )
        return Session(
            id: id, projectID: project, userID: user, disablesTaskTracking: tracking,
            disablesTaskStatusChange: statusChange, configs: configs ?? "{}", createdAt: created, updatedAt: updated
        )
    }
}
