package import Foundation
package import Postgres

/// Reads and deletes `public.users`; who names a new one makes it (`UserStatement`).
package struct UserStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// The project's users by creation.
    ///
    /// - Throws: `PostgresError`.
    package func list(project: UUID, page: PageRequest) async throws -> Page<User> {
        let columns = "id, project_id, identifier, created_at, updated_at"
        let query = PageQuery("users.list", columns, from: "public.users", project: project)
        return try await query.page(page, from: self.pool, decode: Self.decode) {
            PageCursor(createdAt: $0.createdAt, id: $0.id)
        }
    }

    private static func decode(_ row: borrowing PostgresRow) throws -> User {
        let (id, project, identifier, created, updated) = try row.decode(
            UUID.self, UUID.self, String.self, PostgresTimestamp.self, PostgresTimestamp.self
        )
        return User(id: id, projectID: project, identifier: identifier, createdAt: created, updatedAt: updated)
    }

    /// - Throws: `TasksError.userNotFound`, `PostgresError`.
    package func resources(of identifier: String, project: UUID) async throws -> UserResources {
        let resources = try await self.pool.read(Self.countResources, [.uuid(project), .text(identifier)]) { row in
            let (sessions, disks, skills) = try row.decode(Int64.self, Int64.self, Int64.self)
            return UserResources(sessionCount: sessions, diskCount: disks, skillCount: skills)
        }.first
        guard let resources else { throw TasksError.userNotFound }
        return resources
    }

    private static let countResources = PostgresStatement(
        "users.countResources",
        """
        SELECT (SELECT count(*) FROM public.sessions AS s WHERE s.user_id = u.id),
            (SELECT count(*) FROM public.disks AS d WHERE d.user_id = u.id),
            (SELECT count(*) FROM public.agent_skills AS k WHERE k.user_id = u.id)
        FROM public.users AS u WHERE u.project_id = $1 AND u.identifier = $2
        """,
        isReadOnly: true
    )

    /// Deletes a user with its sessions, disks, skills and learning spaces; nothing when there is none.
    ///
    /// - Returns: a write that throws `PostgresError`.
    package func delete(_ identifier: String, project: UUID) -> Write<Void> {
        Write(
            pool: self.pool,
            isOneStatement: false,
            statementTimeout: SessionDeletion.statementTimeout,
            run: { database in
                let parameters: [PostgresValue] = [.uuid(project), .text(identifier)]
                // Nobody makes another session of the user's while its row is locked.
                let users = try database.query(Self.lock, parameters) { row in try row.decode(UUID.self) }
                guard let user = users.first else { return }
                let sessions = try database.query(Self.lockSessions, [.uuid(user)]) { row in try row.decode(UUID.self) }
                try SessionDeletion.run(sessions, in: database)
                try database.execute(Self.delete, [.uuid(user)])
            },
            find: { _ in nil }
        )
    }

    private static let lock = PostgresStatement(
        "users.lock", "SELECT id FROM public.users WHERE project_id = $1 AND identifier = $2 FOR UPDATE"
    )

    private static let lockSessions = PostgresStatement(
        "users.lockSessions", "SELECT id FROM public.sessions WHERE user_id = $1 ORDER BY id FOR UPDATE"
    )

    private static let delete = PostgresStatement("users.delete", "DELETE FROM public.users WHERE id = $1")
}
