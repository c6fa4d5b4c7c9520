import Foundation
import Postgres

extension AgentTask {
    /// The columns of a task `t`, in the order `init(row:)` reads them.
    ///
    /// `data` is cut to the keys that clients may see and handed over as JSON text, so that no one parses it again; empty and null lists
    /// are left out (contract.md §1.4).
    static let columns = """
        t.id, t.session_id, t.project_id, t."order"::bigint,
        (jsonb_build_object('task_description', coalesce(t.data ->> 'task_description', ''))
            || CASE WHEN jsonb_typeof(t.data -> 'progresses') = 'array' AND t.data -> 'progresses' <> '[]'
                THEN jsonb_build_object('progresses', t.data -> 'progresses') ELSE '{}' END
            || CASE WHEN jsonb_typeof(t.data -> 'user_preferences') = 'array' AND t.data -> 'user_preferences' <> '[]'
                THEN jsonb_build_object('user_preferences', t.data -> 'user_preferences') ELSE '{}' END)::text,
        t.status, t.is_planning, t.created_at, t.updated_at
        """

    /// Decodes `columns`, and one nullable uuid after them: the id of the event the statement wrote, if any.
    static func decodeWithEvent(_ row: borrowing PostgresRow) throws -> (AgentTask, UUID?) {
        let (id, session, project, order, data, status, isPlanning, created, updated, event) = try row.decode(
            UUID.self, UUID.self, UUID.self, Int64.self, String.self, String.self, Bool.self, PostgresTimestamp.self,
            PostgresTimestamp.self, UUID?.self
        )
        let task = AgentTask(
            id: id, sessionID: session, projectID: project, order: order, data: data, status: status,
            isPlanning: isPlanning, createdAt: created, updatedAt: updated
        )
        return (task, event)
    }
}
