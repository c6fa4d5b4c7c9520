package import Foundation
import Outbox
import Postgres

/// The one statement, and so the one transaction, that this service exists for: the task's new status and the outbox row that
/// makes CORE learn from it, both or neither.
///
/// It compares task, session and project together, because CORE does not (contract.md §5.6), and writes only `status` and
/// `updated_at`, because CORE appends to `data` meanwhile.
struct StatusTransaction: Sendable {
    let status: TaskStatus
    let task: UUID
    let session: UUID
    let project: UUID
    /// What is written if the session learns from this status.
    let event: NewEvent

    /// The task as it is now and the id of the event written, if one was; nil when there is no such task.
    func run(in database: PostgresSession) throws -> TaskChange? {
        try database.query(
            Self.statement,
            [
                .uuid(self.task), .uuid(self.session), .uuid(self.project), .text(self.status.rawValue),
                .bool(self.status.triggersLearning),
            ] + self.event.parameters,
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

extension StatusTransaction {
    /// Several, for different tasks, in one statement and so with one commit; an answer for each, in order.
    ///
    /// It waits for nobody: a task that somebody else has locked is left undone, like one that is not there, and `run` tells. So is a
    /// second change of one task.
    static func run(_ transactions: [StatusTransaction], in database: PostgresSession) throws -> [TaskChange?] {
        let first = Dictionary(transactions.map { ($0.task, $0) }, uniquingKeysWith: { first, _ in first })
        // Rows are locked in one order, whoever writes.
        let sorted = first.values.sorted { $0.task < $1.task }
        let changes = try database.query(Self.together, Self.parameters(sorted), decode: TaskChange.init(row:))
        let byTask = Dictionary(changes.map { ($0.task.id, $0) }, uniquingKeysWith: { first, _ in first })
        return transactions.map { first[$0.task]?.event.id == $0.event.id ? byTask[$0.task] : nil }
    }

    /// What `together` binds.
    static func parameters(_ transactions: [StatusTransaction]) -> [PostgresValue] {
        [
            .uuidArray(transactions.map(\.task)), .uuidArray(transactions.map(\.session)),
            .uuidArray(transactions.map(\.project)), .textArray(transactions.map(\.status.rawValue)),
            .textArray(TaskStatus.allCases.filter(\.triggersLearning).map(\.rawValue)),
        ] + NewEvent.parameters(transactions.map(\.event))
    }

    // Whatever the planner thinks of arrays, LATERAL has each task looked up by its key, and the update goes to where that one lies,
    // instead of joining the table. A row that was changed after this statement's snapshot lies elsewhere by now, and is left undone.
    static let together = PostgresStatement(
        "tasks.setStatuses",
        """
        WITH change AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], \(NewEvent.unnested(firstParameter: 6)))
                AS c (task_id, session_id, project_id, status, \(NewEvent.columns))
        ), held AS MATERIALIZED (
            SELECT change.*, found.place FROM change CROSS JOIN LATERAL (
                SELECT t.ctid AS place FROM public.tasks AS t
                WHERE t.id = change.task_id AND t.session_id = change.session_id AND t.project_id = change.project_id
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS found
        ), t AS (
            UPDATE public.tasks AS t SET status = held.status, updated_at = clock_timestamp()
            FROM held WHERE t.ctid = held.place
            RETURNING t.*
        ), learned AS MATERIALIZED (
            SELECT held.* FROM t JOIN held ON held.task_id = t.id
            WHERE held.status = ANY($5) AND \(TaskChange.isLearned(session: "held.session_id"))
        ), \(NewEvent.insertion(from: "learned"))
        SELECT \(AgentTask.columns), learned.event_id FROM t LEFT JOIN learned ON learned.task_id = t.id
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
    static func enqueueIfLearned(when condition: String, firstEventParameter: Int) -> String {
        """
        CASE WHEN \(condition) AND \(Self.isLearned(session: "t.session_id"))
        THEN \(NewEvent.enqueueCall(firstParameter: firstEventParameter)) END
        """
    }

    /// An SQL condition, for a task that is locked by then: a learning space has the session, as of now.
    ///
    /// Who waited for the task has begun before that, and would not see a space that took the session meanwhile, together with the tasks
    /// that were finished then (`FinishedTasks`); so the function looks again. LIMIT, because some Acontext databases hold several rows for
    /// one session (contract.md §4.3).
    static func isLearned(session: String) -> String {
        """
        coalesce(
            (SELECT true FROM public.learning_space_sessions AS l WHERE l.session_id = \(session) LIMIT 1),
            skillrelay.is_learned(\(session)))
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
