import JSON

/// The messages of Anthropic's Messages API: a role, and blocks of content.
enum AnthropicFormat {
    // MARK: In

    static func normalise(_ blob: JSONValue) throws(MessageFormatError) -> NormalisedMessage {
        let role = try blob.requiredText("role")
        guard role == "user" || role == "assistant" else { throw .unsupported("role") }
        var parts: [MessagePart] = []
        if let text = blob["content"]?.string {
            parts.append(MessagePart(type: "text", text: text))
        } else {
            for block in try blob.arrayMember("content") ?? [] {
                if let part = try Self.part(block) { parts.append(part) }
            }
        }
        return NormalisedMessage(role: role, parts: parts, meta: [MessageMeta.sourceFormat: "anthropic"])
    }

    /// Nil for a block of a type that is not known: the API has new ones every few months.
    private static func part(_ block: JSONValue) throws(MessageFormatError) -> MessagePart? {
        let cache = try Self.cacheControl(block)
        switch try block.requiredText("type") {
        case "text":
            let meta = cache.map { JSONValue(members: ["cache_control": $0]) }
            return MessagePart(type: "text", text: try block.requiredText("text"), meta: meta)
        case "image":
            return MessagePart(type: "image", meta: try Self.source(block, cache))
        case "document":
            return MessagePart(type: "file", meta: try Self.source(block, cache))
        case "tool_use":
            let input = block["input"] ?? .object([])
            return MessagePart(
                type: "tool-call",
                meta: JSONValue(members: [
                    "id": .string(try block.requiredText("id")), "name": .string(try block.requiredText("name")),
                    "arguments": .string(input.text), "type": "tool_use", "cache_control": cache,
                ])
            )
        case "tool_result":
            return MessagePart(
                type: "tool-result",
                text: try Self.resultText(block),
                meta: JSONValue(members: [
                    "tool_call_id": .string(try block.requiredText("tool_use_id")),
                    "is_error": .bool(try block.boolMember("is_error") ?? false), "cache_control": cache,
                ])
            )
        case "thinking":
            return MessagePart(
                type: "thinking",
                text: try block.requiredText("thinking"),
                meta: ["signature": .string(try block.textMember("signature") ?? "")]
            )
        case "redacted_thinking":
            return MessagePart(type: "redacted_thinking", meta: ["data": .string(try block.requiredText("data"))])
        default:
            return nil
        }
    }

    private static func cacheControl(_ block: JSONValue) throws(MessageFormatError) -> JSONValue? {
        guard let control = try block.objectMember("cache_control") else { return nil }
        return JSONValue(members: [
            "type": .string(try control.requiredText("type")), "ttl": try control.textMember("ttl").map { .string($0) },
        ])
    }

    private static let sourceKeys = ["type", "media_type", "data", "url", "file_id", "content"]

    /// A block's source, as the meta of a part: `{type: "base64", media_type, data}`, `{type: "url", url}`, and the later
    /// ones.
    private static func source(_ block: JSONValue, _ cache: JSONValue?) throws(MessageFormatError) -> JSONValue {
        let source = try block.requiredObject("source")
        switch try source.requiredText("type") {
        case "base64":
            _ = try source.requiredText("media_type")
            _ = try source.requiredText("data")
        case "url":
            _ = try source.requiredText("url")
        default:
            break
        }
        let members = (source.object ?? []).filter { Self.sourceKeys.contains($0.key) }
        return .object(members + (cache.map { [.init("cache_control", $0)] } ?? []))
    }

    /// The texts among what a tool has answered.
    private static func resultText(_ block: JSONValue) throws(MessageFormatError) -> String? {
        if let text = block["content"]?.string { return text }
        var text = ""
        for part in try block.arrayMember("content") ?? [] where try part.requiredText("type") == "text" {
            text += try part.requiredText("text")
        }
        return text
    }

    // MARK: Out

    static func convert(_ message: ParsedMessage, urls: [String: String]) -> JSONValue {
        [
            "role": message.message.role == "assistant" ? "assistant" : "user",
            "content": .array(message.parts.compactMap { Self.block($0, urls: urls) }),
        ]
    }

    private static func block(_ part: MessagePart, urls: [String: String]) -> JSONValue? {
        let text = part.text.flatMap { $0.isEmpty ? nil : JSONValue.string($0) }
        let cache = part.meta?["cache_control"].flatMap { $0["type"]?.string == "ephemeral" ? $0 : nil }
        switch part.type {
        case "text":
            return text.map { JSONValue(members: ["type": "text", "text": $0, "cache_control": cache]) }
        case "image":
            return Self.source(part, urls: urls).map {
                JSONValue(members: ["type": "image", "source": $0, "cache_control": cache])
            }
        case "file":
            return Self.source(part, urls: urls).map {
                JSONValue(members: ["type": "document", "source": $0, "cache_control": cache])
            }
        case "tool-call":
            guard let id = Self.nonEmpty(part, "id"), let name = Self.nonEmpty(part, "name") else { return nil }
            let input = part.meta?["arguments"]?.argumentsValue ?? .object([])
            return JSONValue(members: [
                "type": "tool_use", "id": id, "name": name, "input": input, "cache_control": cache,
            ])
        case "tool-result":
            guard let id = Self.nonEmpty(part, "tool_call_id") else { return nil }
            return JSONValue(members: [
                "type": "tool_result", "tool_use_id": id,
                "content": .array(text.map { [["type": "text", "text": $0]] } ?? []),
                "is_error": .bool(part.meta?["is_error"]?.bool ?? false), "cache_control": cache,
            ])
        case "thinking":
            let signature = part.metaText("signature")
            return text.map { ["type": "thinking", "thinking": $0, "signature": .string(signature)] }
        case "redacted_thinking":
            return Self.nonEmpty(part, "data").map { ["type": "redacted_thinking", "data": $0] }
        default:
            return nil
        }
    }

    private static func nonEmpty(_ part: MessagePart, _ key: String) -> JSONValue? {
        let text = part.metaText(key)
        return text.isEmpty ? nil : .string(text)
    }

    private static func source(_ part: MessagePart, urls: [String: String]) -> JSONValue? {
        let media = Media(part, urls: urls)
        if let inline = media.inline {
            return [
                "type": "base64", "media_type": .string(inline.contentType), "data": .string(inline.data),
            ]
        }
        if let url = media.url { return ["type": "url", "url": .string(url)] }
        // One of the later ones: a text, or a file that the API keeps.
        guard !part.metaText("type").isEmpty else { return nil }
        return .object((part.meta?.object ?? []).filter { Self.sourceKeys.contains($0.key) })
    }
}
