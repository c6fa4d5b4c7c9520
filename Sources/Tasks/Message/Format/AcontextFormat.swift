import Foundation
import JSON
import Postgres

/// Our own format: `{role, parts, meta?}` in, whole messages out.
enum AcontextFormat {
    /// A form field's name; file names are longer.
    static let maxFieldBytes = 255

    // MARK: In

    static func normalise(_ blob: JSONValue) throws(MessageFormatError) -> NormalisedMessage {
        let role = try blob.requiredText("role")
        guard role == "user" || role == "assistant" else { throw .unsupported("role") }
        var parts: [MessagePart] = []
        var files: [NormalisedMessage.FileField] = []
        for json in try blob.arrayMember("parts") ?? [] {
            if let field = try json.textMember("file_field"), !field.isEmpty {
                guard field.utf8.count <= Self.maxFieldBytes else { throw .tooLong("file_field") }
                files.append(.init(part: parts.count, name: field))
            }
            parts.append(try Self.part(json))
        }
        var meta = try blob.objectMember("meta")?.object ?? []
        if !meta.contains(where: { $0.key == MessageMeta.sourceFormat }) {
            meta.append(.init(MessageMeta.sourceFormat, "acontext"))
        }
        return NormalisedMessage(role: role, parts: parts, fileFields: files, meta: .object(meta))
    }

    /// Nothing but these: an `asset` is ours to say, never the client's.
    private static func part(_ json: JSONValue) throws(MessageFormatError) -> MessagePart {
        let part = MessagePart(
            type: try json.requiredText("type"), text: try json.textMember("text"), meta: try json.objectMember("meta")
        )
        switch part.type {
        case "text", "thinking":
            guard part.text?.isEmpty == false else { throw .missing("text") }
        case "tool-call":
            _ = try json.requiredObject("meta").requiredText("name")
            // CORE loses the whole session's messages over any other type (contract.md §6.2).
            guard let arguments = part.meta?["arguments"] else { throw .missing("arguments") }
            guard arguments.string != nil || arguments.object != nil else { throw .wrongType("arguments") }
        case "tool-result":
            _ = try json.requiredObject("meta").requiredText("tool_call_id")
        case "data":
            guard try json.requiredObject("meta")["data_type"] != nil else { throw .missing("data_type") }
        case "image", "audio", "video", "file", "redacted_thinking":
            break
        default:
            throw .unsupported("type")
        }
        return part
    }

    // MARK: Out

    static func convert(_ message: ParsedMessage) -> JSONValue {
        let row = message.message
        let meta = message.meta.object?.isEmpty == false ? message.meta : nil
        return JSONValue(members: [
            "id": .string(row.id.lowercased),
            "session_id": .string(row.sessionID.lowercased),
            "parent_id": row.parentID.map { .string($0.lowercased) } ?? .null,
            "role": .string(row.role),
            "parts": .array(message.parts.map(\.json)),
            "session_task_process_status": .string(row.processStatus),
            "meta": meta,
            "task_id": row.taskID.map { .string($0.lowercased) } ?? .null,
            "created_at": .string(String(decoding: row.createdAt.rfc3339, as: UTF8.self)),
            "updated_at": .string(String(decoding: row.updatedAt.rfc3339, as: UTF8.self)),
        ])
    }
}
