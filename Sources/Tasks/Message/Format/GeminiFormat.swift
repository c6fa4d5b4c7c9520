import Foundation
import JSON

/// The contents of Google's Gemini API: a role, and parts that are told apart by their one member. Both spellings of the
/// members are taken, as JSON of protocol buffers has them.
enum GeminiFormat {
    // MARK: In

    static func normalise(_ blob: JSONValue) throws(MessageFormatError) -> NormalisedMessage {
        let role: String
        switch try blob.requiredText("role") {
        case "user": role = "user"
        case "model": role = "assistant"
        default: throw .unsupported("role")
        }
        let parts = try (blob.arrayMember("parts") ?? []).map { part throws(MessageFormatError) in try Self.part(part) }
        let calls = parts.filter { $0.type == "tool-call" }.map { call -> JSONValue in
            ["id": .string(call.metaText("id")), "name": .string(call.metaText("name"))]
        }
        return NormalisedMessage(
            role: role,
            parts: parts,
            meta: JSONValue(members: [
                MessageMeta.sourceFormat: "gemini", MessageMeta.openCalls: calls.isEmpty ? nil : .array(calls),
            ])
        )
    }

    private static func part(_ part: JSONValue) throws(MessageFormatError) -> MessagePart {
        let signature = try Self.textMember(part, "thoughtSignature", "thought_signature").map { JSONValue.string($0) }
        let signed = signature.map { JSONValue(members: ["signature": $0]) }
        if let text = try part.textMember("text") {
            let isThought = try part.boolMember("thought") ?? false
            // A signature may come alone, as the last word of a stream.
            return MessagePart(type: isThought && !text.isEmpty ? "thinking" : "text", text: text, meta: signed)
        }
        if let data = try Self.objectMember(part, "inlineData", "inline_data") {
            let type = try Self.textMember(data, "mimeType", "mime_type") ?? ""
            return MessagePart(
                type: Self.kind(type),
                meta: ["type": "base64", "media_type": .string(type), "data": .string(try data.requiredText("data"))]
            )
        }
        if let file = try Self.objectMember(part, "fileData", "file_data") {
            let type = try Self.textMember(file, "mimeType", "mime_type")
            guard let uri = try Self.textMember(file, "fileUri", "file_uri") else { throw .missing("fileUri") }
            return MessagePart(
                type: Self.kind(type ?? ""),
                meta: JSONValue(members: [
                    "type": "url", "media_type": type.map { .string($0) }, "url": .string(uri),
                ])
            )
        }
        if let call = try Self.objectMember(part, "functionCall", "function_call") {
            let given = try call.textMember("id") ?? ""
            return MessagePart(
                type: "tool-call",
                meta: JSONValue(members: [
                    "id": .string(given.isEmpty ? Self.newCallID() : given),
                    "name": .string(try call.requiredText("name")),
                    "arguments": .string((try call.objectMember("args") ?? .object([])).text), "type": "function",
                    "signature": signature,
                ])
            )
        }
        if let response = try Self.objectMember(part, "functionResponse", "function_response") {
            let id = try response.textMember("id") ?? ""
            return MessagePart(
                type: "tool-result",
                text: try response.objectMember("response")?.text,
                meta: JSONValue(members: [
                    "name": .string(try response.requiredText("name")), "tool_call_id": id.isEmpty ? nil : .string(id),
                ])
            )
        }
        throw .unsupported("part")
    }

    private static func textMember(_ json: JSONValue, _ camel: String, _ snake: String) throws(MessageFormatError)
        -> String?
    {
        if let text = try json.textMember(camel) { return text }
        return try json.textMember(snake)
    }

    private static func objectMember(_ json: JSONValue, _ camel: String, _ snake: String) throws(MessageFormatError)
        -> JSONValue?
    {
        if let object = try json.objectMember(camel) { return object }
        return try json.objectMember(snake)
    }

    private static func kind(_ contentType: String) -> String {
        switch contentType.prefix(while: { $0 != "/" }) {
        case "image": "image"
        case "audio": "audio"
        case "video": "video"
        default: "file"
        }
    }

    private static func newCallID() -> String {
        "call_" + UUID().uuidString.prefix(8).lowercased()
    }

    // MARK: Out

    static func convert(_ messages: [ParsedMessage], urls: [String: String]) -> [JSONValue] {
        var names: [String: String] = [:]
        for part in messages.lazy.flatMap(\.parts) where part.type == "tool-call" {
            names[part.metaText("id")] = part.metaText("name")
        }
        return messages.map { message in
            [
                "role": message.message.role == "assistant" ? "model" : "user",
                "parts": .array(message.parts.compactMap { Self.part($0, names: names, urls: urls) }),
            ]
        }
    }

    private static func part(_ part: MessagePart, names: [String: String], urls: [String: String]) -> JSONValue? {
        let text = part.text ?? ""
        let signature = Self.signature(part)
        switch part.type {
        case "text":
            guard !text.isEmpty || signature != nil else { return nil }
            return JSONValue(members: ["text": .string(text), "thoughtSignature": signature])
        case "thinking":
            guard !text.isEmpty else { return nil }
            return JSONValue(members: ["text": .string(text), "thought": true, "thoughtSignature": signature])
        case "image", "audio", "video", "file":
            return Self.data(Media(part, urls: urls))
        case "tool-call":
            let name = part.metaText("name")
            let id = part.metaText("id")
            guard !name.isEmpty else { return nil }
            let arguments = part.meta?["arguments"]?.argumentsValue ?? .object([])
            let call = JSONValue(members: [
                "id": id.isEmpty ? nil : .string(id), "name": .string(name),
                "args": arguments.object == nil ? .object([]) : arguments,
            ])
            return JSONValue(members: ["functionCall": call, "thoughtSignature": signature])
        case "tool-result":
            let id = part.metaText("tool_call_id")
            let given = part.metaText("name")
            guard let name = given.isEmpty ? names[id] : given, !name.isEmpty else { return nil }
            let response = JSONValue(members: [
                "id": id.isEmpty ? nil : .string(id), "name": .string(name), "response": Self.response(text),
            ])
            return ["functionResponse": response]
        default:
            return nil
        }
    }

    private static func data(_ media: Media) -> JSONValue? {
        if let inline = media.inline {
            return ["inlineData": ["mimeType": .string(inline.contentType), "data": .string(inline.data)]]
        }
        guard let url = media.url else { return nil }
        let file = JSONValue(members: [
            "mimeType": media.contentType.map { .string($0) }, "fileUri": .string(url),
        ])
        return ["fileData": file]
    }

    /// The format wants an object.
    private static func response(_ text: String) -> JSONValue {
        guard !text.isEmpty else { return .object([]) }
        let value = try? JSONValue(stored: text)  // a tool may have answered anything
        return value?.object == nil ? ["output": .string(text)] : value ?? .object([])
    }

    /// Bytes, in base64; another provider's signature may be any text.
    private static func signature(_ part: MessagePart) -> JSONValue? {
        let signature = part.metaText("signature")
        guard !signature.isEmpty else { return nil }
        let isBase64 = Data(base64Encoded: signature) != nil
        return .string(isBase64 ? signature : Data(signature.utf8).base64EncodedString())
    }
}
