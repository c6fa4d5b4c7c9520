import Foundation
import Outbox
import Postgres

/// The message that makes Acontext CORE look at a new message for tasks (contract.md §5.5).
package enum InsertNewMessage {
    package static let exchange = "session.message"
    package static let routingKey = "session.message.insert"
    static let type = "InsertNewMessage"

    /// As upstream sends it: keys in this order, no whitespace, lowercase ids.
    static func body(project: UUID, session: UUID, message: UUID) -> [UInt8] {
        let text = """
            {"project_id":"\(project.lowercased)","session_id":"\(session.lowercased)","message_id":"\(message.lowercased)"}
            """
        return Array(text.utf8)
    }

    /// The event to write; `headers` is the trace context of the request that caused it.
    static func event(project: UUID, session: UUID, message: UUID, headers: [String: String]) -> NewEvent {
        NewEvent(
            exchange: Self.exchange,
            routingKey: Self.routingKey,
            type: Self.type,
            payload: Self.body(project: project, session: session, message: message),
            headers: headers,
            subject: message
        )
    }
}
