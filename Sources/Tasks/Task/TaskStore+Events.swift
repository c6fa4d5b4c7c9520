package import Foundation
package import Outbox
import Postgres

extension TaskStore {
    /// What has become of the events that a task's changes have written, newest first; those that the outbox still keeps. The cursor's id is
    /// an event's.
    ///
    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`; `TasksError.taskNotFound` unless the task is in this
    ///   session and project; `PostgresError`.
    package func events(
        of task: UUID, session: UUID, project: UUID, page: PageRequest
    ) async throws -> Page<SubjectEvent> {
        let events = try await self.pool.attempt { database, _ in
            try SessionOwnership.require(session: session, project: project, in: database)
            guard try database.execute(Self.findTask, [.uuid(task), .uuid(session), .uuid(project)]) == 1 else {
                throw TasksError.taskNotFound
            }
            return try SubjectEvent.read(
                subject: task, after: page.cursor?.id, limit: page.limit.map { $0 + 1 }, in: database)
        }
        return Page(rows: events, limit: page.limit) { event in
            // What the outbox has read is an id.
            PageCursor(createdAt: event.event.createdAt, id: UUID(uuidString: event.event.id) ?? task)
        }
    }

    private static let findTask = PostgresStatement(
        "tasks.find",
        "SELECT FROM public.tasks WHERE id = $1 AND session_id = $2 AND project_id = $3",
        isReadOnly: true
    )
}
