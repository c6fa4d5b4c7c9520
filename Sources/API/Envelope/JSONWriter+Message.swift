import Foundation
import JSON
import Postgres
import Tasks

extension JSONWriter {
    /// A message just stored: of its meta only what the user has attached, its parts as they are stored (contract.md §2.3).
    mutating func message(_ message: Message) {
        self.object { json in
            json.member("id", message.id)
            json.member("session_id", message.sessionID)
            json.member("parent_id", message.parentID)
            json.member("role", message.role)
            let meta = (try? JSONValue(stored: message.meta)) ?? .object([])  // PostgreSQL has printed it
            json.member("meta", raw: MessageMeta.user(of: meta).text)
            json.member("parts", raw: message.parts)
            json.member("task_id", message.taskID)
            json.member("session_task_process_status", message.processStatus)
            json.member("created_at", message.createdAt)
            json.member("updated_at", message.updatedAt)
        }
    }

    /// A page of messages in a format; `items`, `ids` and `metas` run side by side.
    mutating func messages(
        _ messages: [ParsedMessage],
        next: PageCursor?,
        editedUpTo: UUID?,
        format: MessageFormat,
        urls: [String: (url: String, expiresAt: PostgresTimestamp)]
    ) {
        self.object { json in
            json.key("items")
            json.array(format.convert(messages, urls: urls.mapValues(\.url))) { $0.raw($1.text) }
            json.key("ids")
            json.array(messages) { $0.raw(JSONValue.string($1.message.id.lowercased).text) }
            json.key("metas")
            json.array(messages) { $0.raw($1.userMeta.text) }
            json.member("has_more", next != nil)
            if let next { json.member("next_cursor", next.text) }
            json.member("this_time_tokens", messages.reduce(0) { $0 + TokenEstimate.count($1.parts) })
            json.member("tokens_are_estimated", true)
            if let editedUpTo { json.member("edit_at_message_id", editedUpTo) }
            if format == .acontext, !urls.isEmpty { json.member("public_urls", raw: Self.publicURLs(urls).text) }
        }
    }

    private static func publicURLs(_ urls: [String: (url: String, expiresAt: PostgresTimestamp)]) -> JSONValue {
        .object(
            urls.sorted { $0.key < $1.key }.map { sha256, place in
                let expiry = String(decoding: place.expiresAt.rfc3339, as: UTF8.self)
                return .init(sha256, ["url": .string(place.url), "expire_at": .string(expiry)])
            }
        )
    }
}
