import Foundation
import Postgres

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

    /// Why a statement has found no session with this id in this project.
    static func refusal(session id: UUID, project: UUID, in database: PostgresSession) throws -> TasksError {
        do {
            try Self.require(session: id, project: project, in: database)
            // Made since.
            return .sessionNotFound
        } catch let error as TasksError {
            return error
        }
    }
}
