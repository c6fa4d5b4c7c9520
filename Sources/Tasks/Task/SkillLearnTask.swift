import Foundation
import Outbox
import Postgres

/// The message that makes Acontext CORE learn from a finished task (contract.md §5.4).
package enum SkillLearnTask {
    package static let exchange = "learning.skill"
    package static let routingKey = "learning.skill.distill"
    static let type = "SkillLearnTask"

    /// The exact bytes upstream sends: keys in this order, no whitespace, lowercase ids.
    static func body(project: UUID, session: UUID, task: UUID) -> [UInt8] {
        let text = """
            {"project_id":"\(project.lowercased)","session_id":"\(session.lowercased)","task_id":"\(task.lowercased)"}
            """
        return Array(text.utf8)
    }

    /// The event to write; `headers` is the trace context of the request that caused it.
    static func event(project: UUID, session: UUID, task: UUID, headers: [String: String]) -> NewEvent {
        NewEvent(
            exchange: Self.exchange,
            routingKey: Self.routingKey,
            type: Self.type,
            payload: Self.body(project: project, session: session, task: task),
            headers: headers,
            subject: task
        )
    }
}
