import Foundation
import Postgres

/// The end of sessions: all that this service deletes end here, also those that go with their user.
///
/// Tasks, messages, events of the session and its place in a learning space go by the database's own cascades. What is counted or kept
/// elsewhere on their behalf is to be let go in `run`, before its statement, in the same transaction.
enum SessionDeletion {
    /// How long a statement that deletes may take: as long as the request lasts, almost. There may be many rows, and a deletion that is
    /// broken off has done nothing.
    static let statementTimeout: Duration = .seconds(8)

    /// Deletes sessions that the caller's transaction has locked for it.
    static func run(_ sessions: [UUID], in database: PostgresSession) throws {
        try AssetReferences.release(sessions: sessions, in: database)
        try database.execute(Self.delete, [.uuidArray(sessions)])
    }

    private static let delete = PostgresStatement(
        "sessions.delete", "DELETE FROM public.sessions WHERE id = ANY($1::uuid[])"
    )
}
