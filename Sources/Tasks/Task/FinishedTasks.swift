import Foundation
import Outbox
import Postgres

/// The tasks of a session that were finished before a learning space took it.
enum FinishedTasks {
    /// Writes an event for each, in the transaction that ties the session to its space.
    ///
    /// It waits for status changes that are under way, and those that come later wait for the transaction, and see the tie then
    /// (`TaskChange.isLearned`): each finished task has an event from here or from its change.
    ///
    /// - Returns: how many events.
    static func enqueue(
        session: UUID,
        project: UUID,
        headers: [String: String],
        in database: PostgresSession
    ) throws -> Int {
        let tasks = try database.query(Self.lock, [.uuid(session), .uuid(project)]) { row in
            try row.decode(UUID.self, String.self)
        }
        let events = tasks.filter { TaskStatus(rawValue: $0.1)?.triggersLearning == true }.map {
            SkillLearnTask.event(project: project, session: session, task: $0.0, headers: headers)
        }
        if !events.isEmpty { try database.execute(Self.insert, NewEvent.parameters(events)) }
        return events.count
    }

    // All of them, whatever their status: only a row that is waited for is read as it is after that.
    private static let lock = PostgresStatement(
        "tasks.lockOfSession",
        """
        SELECT id, status FROM public.tasks WHERE session_id = $1 AND project_id = $2 AND NOT is_planning
        ORDER BY id FOR SHARE
        """
    )

    private static let insert = PostgresStatement(
        "tasks.enqueueFinished",
        """
        WITH event AS (
            SELECT * FROM unnest(\(NewEvent.unnested(firstParameter: 1))) AS e (\(NewEvent.columns))
        ), \(NewEvent.insertion(from: "event"))
        SELECT
        """
    )
}
