import JSON

/// The messages of OpenAI's chat completions; how they go out is in `OpenAIFormat+Output`.
enum OpenAIFormat {
    static func normalise(_ blob: JSONValue) throws(MessageFormatError) -> NormalisedMessage {
        switch try blob.requiredText("role") {
        case "user":
            try Self.message(blob, "user", Self.userParts(blob))
        case "assistant":
            try Self.message(blob, "assistant", Self.assistantParts(blob))
        case "system":
            try Self.message(blob, "user", Self.texts(blob), original: "system")
        case "developer":
            try Self.message(blob, "user", Self.texts(blob), original: "developer")
        case "tool":
            try Self.result(blob, meta: ["tool_call_id": .string(blob.requiredText("tool_call_id"))])
        case "function":
            // Not the name but the id is what CORE wants (contract.md §6.2): an empty one is none.
            try Self.result(blob, meta: ["function_name": .string(blob.requiredText("name")), "tool_call_id": ""])
        default:
            throw .unsupported("role")
        }
    }

    private static func message(
        _ blob: JSONValue,
        _ role: String,
        _ parts: [MessagePart],
        original: String? = nil
    ) throws(MessageFormatError) -> NormalisedMessage {
        let name = try blob.textMember("name")
        return NormalisedMessage(
            role: role,
            parts: parts,
            meta: JSONValue(members: [
                MessageMeta.sourceFormat: "openai", MessageMeta.originalRole: original.map { .string($0) },
                MessageMeta.name: name.map { .string($0) },
            ])
        )
    }

    // MARK: Users

    private static func userParts(_ blob: JSONValue) throws(MessageFormatError) -> [MessagePart] {
        if let text = blob["content"]?.string { return [MessagePart(type: "text", text: text)] }
        guard let content = try blob.arrayMember("content"), !content.isEmpty else { throw .missing("content") }
        return try content.map { part throws(MessageFormatError) in try Self.userPart(part) }
    }

    private static func userPart(_ part: JSONValue) throws(MessageFormatError) -> MessagePart {
        switch try part.requiredText("type") {
        case "text":
            return MessagePart(type: "text", text: try part.requiredText("text"))
        case "image_url":
            let image = try part.requiredObject("image_url")
            let detail = try image.textMember("detail") ?? ""
            return MessagePart(
                type: "image", meta: ["url": .string(try image.requiredText("url")), "detail": .string(detail)]
            )
        case "input_audio":
            let audio = try part.requiredObject("input_audio")
            let format = try audio.textMember("format") ?? ""
            return MessagePart(
                type: "audio", meta: ["data": .string(try audio.requiredText("data")), "format": .string(format)]
            )
        case "file":
            let file = try part.requiredObject("file")
            return MessagePart(
                type: "file",
                meta: JSONValue(members: [
                    "file_id": try file.textMember("file_id").map { .string($0) },
                    "file_data": try file.textMember("file_data").map { .string($0) },
                    "filename": try file.textMember("filename").map { .string($0) },
                ])
            )
        default:
            throw .unsupported("type")
        }
    }

    /// What the instructions of a system or a developer are made of.
    private static func texts(_ blob: JSONValue) throws(MessageFormatError) -> [MessagePart] {
        if let text = blob["content"]?.string { return [MessagePart(type: "text", text: text)] }
        guard let content = try blob.arrayMember("content"), !content.isEmpty else { throw .missing("content") }
        return try content.map { part throws(MessageFormatError) in
            MessagePart(type: "text", text: try part.requiredText("text"))
        }
    }

    // MARK: Assistants

    private static func assistantParts(_ blob: JSONValue) throws(MessageFormatError) -> [MessagePart] {
        var parts: [MessagePart] = []
        if let text = blob["content"]?.string {
            if !text.isEmpty { parts.append(MessagePart(type: "text", text: text)) }
        } else {
            for part in try blob.arrayMember("content") ?? [] { parts.append(try Self.assistantPart(part)) }
        }
        // Where a model's answer has it, and the request's form of a message has not.
        if let refusal = try blob.textMember("refusal"), !refusal.isEmpty { parts.append(Self.refusal(refusal)) }
        for call in try blob.arrayMember("tool_calls") ?? [] {
            let type = try call.textMember("type") ?? "function"
            guard type == "function" else { continue }
            parts.append(try Self.call(call.requiredObject("function"), id: call.requiredText("id")))
        }
        if let call = try blob.objectMember("function_call") { parts.append(try Self.call(call, id: nil)) }
        return parts
    }

    private static func assistantPart(_ part: JSONValue) throws(MessageFormatError) -> MessagePart {
        switch try part.requiredText("type") {
        case "text": MessagePart(type: "text", text: try part.requiredText("text"))
        case "refusal": Self.refusal(try part.requiredText("refusal"))
        default: throw .unsupported("type")
        }
    }

    private static func refusal(_ text: String) -> MessagePart {
        MessagePart(type: "text", text: text, meta: ["is_refusal": true])
    }

    private static func call(_ function: JSONValue, id: String?) throws(MessageFormatError) -> MessagePart {
        MessagePart(
            type: "tool-call",
            meta: JSONValue(members: [
                "id": id.map { .string($0) }, "name": .string(try function.requiredText("name")),
                "arguments": .string(try function.textMember("arguments") ?? ""), "type": "function",
            ])
        )
    }

    // MARK: Tools

    private static func result(_ blob: JSONValue, meta: JSONValue) throws(MessageFormatError) -> NormalisedMessage {
        var text = blob["content"]?.string
        if text == nil, let content = try blob.arrayMember("content") {
            text = try content.map { part throws(MessageFormatError) in try part.requiredText("text") }.joined()
        }
        return NormalisedMessage(
            role: "user",
            parts: [MessagePart(type: "tool-result", text: text, meta: meta)],
            meta: [MessageMeta.sourceFormat: "openai"]
        )
    }
}
