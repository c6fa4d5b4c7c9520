package import Foundation
import Outbox
package import Postgres

/// Reads and writes `public.tasks`.
package struct TaskStore: Sendable {
    let pool: PostgresPool
    private let onEvent: @Sendable () -> Void
    private let turns = RowTurns()
    let statusBatcher: Batcher<StatusTransaction, TaskChange>

    /// - Parameters:
    ///   - pool: to the database of the tasks.
    ///   - statusWriters: connections of the pool at most that set statuses together.
    ///   - onEvent: called after a commit that wrote an event: the relay's nudge. Must return at once.
    package init(pool: PostgresPool, statusWriters: Int = 2, onEvent: @escaping @Sendable () -> Void = {}) {
        self.pool = pool
        self.onEvent = onEvent
        self.statusBatcher = Batcher(writers: statusWriters, limit: Self.maxBatch) { transactions in
            try await pool.perform { database in try StatusTransaction.run(transactions, in: database) }
        }
    }

    /// Statuses set in one statement at most.
    private static let maxBatch = 128

    /// Sets a task's status and, when that status is learned from in this session, writes the outbox event in the same transaction.
    ///
    /// `headers`, the request's trace context, goes with the event to the message.
    ///
    /// - Returns: a write that throws `TasksError.taskNotFound` unless the task is in this session and project; `PostgresError`.
    package func setStatus(
        _ status: TaskStatus,
        task: UUID,
        session: UUID,
        project: UUID,
        headers: [String: String] = [:]
    ) -> Write<TaskChange> {
        let event = SkillLearnTask.event(project: project, session: session, task: task, headers: headers)
        let transaction = StatusTransaction(
            status: status, task: task, session: session, project: project, event: event
        )
        return Write(
            pool: self.pool,
            locks: (task, self.turns),
            isOneStatement: true,
            runTogether: { try await self.statusBatcher.submit(transaction) },
            run: { database in
                guard let change = try transaction.run(in: database) else { throw TasksError.taskNotFound }
                return change
            },
            find: { database in
                let change = try TaskChange.find(
                    task: task, session: session, project: project, event: event.id, in: database
                )
                // Without an event the status alone does not tell who set it; setting it again changes nothing.
                return change?.event == nil ? nil : change
            },
            onCommit: self.wake
        )
    }

    private func wake(_ change: TaskChange) {
        if change.event != nil { self.onEvent() }
    }

    /// The session's tasks without planning ones, by creation.
    ///
    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`.
    package func list(session: UUID, project: UUID, page: PageRequest) async throws -> Page<AgentTask> {
        let rows = try await self.pool.attempt { database, _ in
            try SessionOwnership.require(session: session, project: project, in: database)
            return try database.query(
                page.newestFirst ? Self.listNewestFirst : Self.listOldestFirst,
                [
                    .uuid(session), .optional(page.limit) { .int8(Int64($0) + 1) },
                    .optional(page.cursor?.createdAt, PostgresValue.timestamp),
                    .optional(page.cursor?.id, PostgresValue.uuid),
                ]
            ) { row in try AgentTask.decodeWithEvent(row).0 }
        }
        return Page(rows: rows, limit: page.limit) { PageCursor(createdAt: $0.createdAt, id: $0.id) }
    }

    private static let listOldestFirst = Self.list("tasks.listOldestFirst", after: ">", order: "ASC")
    private static let listNewestFirst = Self.list("tasks.listNewestFirst", after: "<", order: "DESC")

    private static func list(_ name: String, after comparison: String, order: String) -> PostgresStatement {
        PostgresStatement(
            name,
            """
            SELECT \(AgentTask.columns), NULL::uuid
            FROM public.tasks AS t
            WHERE t.session_id = $1 AND NOT t.is_planning
                AND ($3::timestamptz IS NULL OR (t.created_at, t.id) \(comparison) ($3, $4::uuid))
            ORDER BY t.created_at \(order), t.id \(order)
            LIMIT $2
            """,
            isReadOnly: true
        )
    }

    /// Appends a task that a harness of the caller's own reports. One reported as finished is learned from, like one marked later.
    ///
    /// - Returns: a write that throws `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`.
    package func append(
        _ new: NewTask,
        session: UUID,
        project: UUID,
        headers: [String: String] = [:]
    ) -> Write<TaskChange> {
        let id = UUID()
        let event = SkillLearnTask.event(project: project, session: session, task: id, headers: headers)
        return Write(
            pool: self.pool,
            locks: (session, self.turns),
            isOneStatement: false,
            run: { database in
                try SessionOwnership.require(session: session, project: project, in: database)
                try database.execute(Self.lockOrder, [.uuid(session)])
                return try database.query(
                    Self.insert,
                    [
                        .uuid(id), .uuid(session), .uuid(project), .text(new.description), .textArray(new.progresses),
                        .textArray(new.userPreferences), .text(new.status.rawValue), .bool(new.status.triggersLearning),
                    ] + event.parameters,
                    decode: TaskChange.init(row:)
                )[0]
            },
            find: { database in
                try TaskChange.find(task: id, session: session, project: project, event: event.id, in: database)
            },
            onCommit: self.wake
        )
    }

    // Appends to one session take turns, because the next order is read before it is written. It is the row lock that a change of the
    // session itself would take, so that CORE's inserts, which only need the session to stay, go on.
    private static let lockOrder = PostgresStatement(
        "tasks.lockOrder",
        "SELECT FROM public.sessions WHERE id = $1 FOR NO KEY UPDATE"
    )

    private static let insert = PostgresStatement(
        "tasks.insert",
        """
        WITH t AS (
            INSERT INTO public.tasks (id, session_id, project_id, "order", data, status)
            SELECT $1, $2, $3, coalesce(max("order"), 0) + 1,
                jsonb_build_object('task_description', $4::text)
                    || CASE WHEN cardinality($5::text[]) > 0 THEN jsonb_build_object('progresses', $5) ELSE '{}' END
                    || CASE WHEN cardinality($6::text[]) > 0 THEN jsonb_build_object('user_preferences', $6) ELSE '{}' END,
                $7
            FROM public.tasks WHERE session_id = $2
            RETURNING *
        )
        SELECT \(AgentTask.columns), \(TaskChange.enqueueIfLearned(when: "$8::boolean", firstEventParameter: 9)) FROM t
        """
    )
}
