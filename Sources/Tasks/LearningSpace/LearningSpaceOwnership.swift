import Foundation
import Postgres

/// The check that every route of a learning space begins with: another project's is not found, as one that is none.
enum LearningSpaceOwnership {
    /// - Throws: `TasksError.learningSpaceNotFound`, `PostgresError`.
    static func require(space id: UUID, project: UUID, in database: PostgresSession) throws {
        try Self.require(Self.find, id, project, in: database)
    }

    /// As `require`, and whoever else locks the space waits until the transaction has ended.
    static func lock(space id: UUID, project: UUID, in database: PostgresSession) throws {
        try Self.require(Self.findAndLock, id, project, in: database)
    }

    private static func require(
        _ statement: PostgresStatement, _ id: UUID, _ project: UUID, in database: PostgresSession
    ) throws {
        let count = try database.execute(statement, [.uuid(id), .uuid(project)])
        guard count == 1 else { throw TasksError.learningSpaceNotFound }
    }

    private static let find = PostgresStatement(
        "learning_spaces.check",
        "SELECT FROM public.learning_spaces WHERE id = $1 AND project_id = $2",
        isReadOnly: true
    )

    private static let findAndLock = PostgresStatement(
        "learning_spaces.lock",
        "SELECT FROM public.learning_spaces WHERE id = $1 AND project_id = $2 FOR UPDATE"
    )
}
