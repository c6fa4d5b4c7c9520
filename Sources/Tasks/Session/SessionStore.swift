import Foundation
package import Postgres

/// Reads and writes `public.sessions`.
package struct SessionStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Makes a session, and its user if that is new.
    ///
    /// - Returns: a write that throws `TasksError.sessionExists` when the id asked for is taken, in any project; `PostgresError`.
    package func create(_ new: NewSession) -> Write<Session> {
        let id = new.id ?? UUID()
        return Write(
            pool: self.pool,
            isOneStatement: true,
            run: { database in
                do {
                    return try database.query(
                        Self.insert,
                        [
                            .uuid(new.projectID), .optional(new.user, PostgresValue.text), .uuid(id),
                            .bool(new.disablesTaskTracking), .bool(new.disablesTaskStatusChange),
                            .json(new.configs ?? "null"),
                        ],
                        decode: Self.decode
                    )[0]
                } catch let error as PostgresError where error.sqlState == .uniqueViolation && new.id != nil {
                    throw TasksError.sessionExists
                }
            },
            find: { database in
                // An id that was asked for may be another caller's session.
                guard new.id == nil else { return nil }
                return try database.query(Self.find, [.uuid(id)], decode: Self.decode).first
            }
        )
    }

    private static let insert = PostgresStatement(
        "sessions.insert",
        """
        WITH \(UserStatement.owner(project: "$1::uuid", identifier: "$2::text"))
        INSERT INTO public.sessions (id, project_id, user_id, disable_task_tracking, disable_task_status_change, configs)
        VALUES ($3, $1, (SELECT id FROM owner), $4, $5, $6)
        RETURNING \(Self.columns)
        """
    )

    private static let find = PostgresStatement(
        "sessions.find", "SELECT \(Self.columns) FROM public.sessions WHERE id = $1", isReadOnly: true
    )

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

/// The check that every session route begins with, inside the statement's own connection.
enum SessionOwnership {
    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`.
    static func require(session id: UUID, project: UUID, in database: PostgresSession) throws {
        let owner = try database.query(Self.findOwner, [.uuid(id)]) { row in try row.decode(UUID.self) }.first
        guard let owner else { throw TasksError.sessionNotFound }
        guard owner == project else { throw TasksError.sessionOfAnotherProject }
    }

    private static let findOwner = PostgresStatement(
        "sessions.findOwner",
        "SELECT project_id FROM public.sessions WHERE id = $1",
        isReadOnly: true
    )
}
