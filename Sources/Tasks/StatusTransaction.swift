package import Foundation
import Outbox
import Postgres

/// The one statement, and so the one transaction, that this service exists for: the task's new status and the outbox row that
/// makes CORE learn from it, both or neither.
///
/// It compares task, session and project together, because CORE does not (contract.md §5.6), and writes only `status` and
/// `updated_at`, because CORE appends to `data` meanwhile.
enum StatusTransaction {
    /// The task as it is now and the id of the event written, if one was; nil when there is no such task.
    static func run(
        _ status: TaskStatus,
        task: UUID,
        session: UUID,
        project: UUID,
        event: NewEvent,
        in database: PostgresSession
    ) throws -> TaskChange? {
        try database.query(
            Self.statement,
            [.uuid(task), .uuid(session), .uuid(project), .text(status.rawValue), .bool(status.triggersLearning)]
                + event.parameters,
            decode: TaskChange.init(row:)
        ).first
    }

    private static let statement = PostgresStatement(
        "tasks.setStatus",
        """
        WITH t AS (
            UPDATE public.tasks SET status = $4, updated_at = clock_timestamp()
            WHERE id = $1 AND session_id = $2 AND project_id = $3
            RETURNING *
        )
        SELECT \(AgentTask.columns), \(TaskChange.enqueueIfLearned(when: "$5::boolean", firstEventParameter: 6)) FROM t
        """
    )
}

/// A task as a statement left it, and the event that the same statement wrote.
package struct TaskChange: Sendable {
    package let task: AgentTask
    /// Nil when nothing learns from this change.
    package let event: UUID?

    init(row: borrowing PostgresRow) throws {
        (self.task, self.event) = try AgentTask.decodeWithEvent(row)
    }

    /// An SQL expression that writes the event for the row `t` if its session has a learning space, and is its id or NULL.
    ///
    /// EXISTS, because some Acontext databases hold several rows for one session (contract.md §4.3).
    static func enqueueIfLearned(when condition: String, firstEventParameter: Int) -> String {
        """
        CASE WHEN \(condition)
            AND EXISTS (SELECT FROM public.learning_space_sessions AS l WHERE l.session_id = t.session_id)
        THEN \(NewEvent.enqueueCall(firstParameter: firstEventParameter)) END
        """
    }

    /// The task as it is now, and the event of this id if it was committed; nil when there is no such task.
    static func find(
        task: UUID,
        session: UUID,
        project: UUID,
        event: UUID,
        in database: PostgresSession
    ) throws -> TaskChange? {
        try database.query(
            Self.find,
            [.uuid(task), .uuid(session), .uuid(project), .uuid(event)],
            decode: TaskChange.init(row:)
        ).first
    }

    private static let find = PostgresStatement(
        "tasks.findChange",
        """
        SELECT \(AgentTask.columns), e.id
        FROM public.tasks AS t LEFT JOIN skillrelay.outbox AS e ON e.id = $4
        WHERE t.id = $1 AND t.session_id = $2 AND t.project_id = $3
        """,
        isReadOnly: true
    )
}
