import JSON

extension OpenAIFormat {
    static func convert(_ message: ParsedMessage, urls: [String: String]) -> JSONValue {
        let parts = message.parts
        let name = message.meta[MessageMeta.name]?.string.flatMap { $0.isEmpty ? nil : JSONValue.string($0) }
        if let role = message.meta[MessageMeta.originalRole]?.string, role == "system" || role == "developer" {
            return JSONValue(members: ["role": .string(role), "content": .string(Self.text(parts)), "name": name])
        }
        if message.message.role == "assistant" { return Self.assistant(parts, name: name) }
        if !parts.isEmpty, parts.allSatisfy({ $0.type == "tool-result" }) { return Self.tool(parts) }
        let isPlain = parts.count == 1 && parts[0].type == "text"
        let content: JSONValue =
            isPlain ? .string(parts[0].text ?? "") : .array(parts.compactMap { Self.userPart($0, urls: urls) })
        return JSONValue(members: ["role": "user", "content": content, "name": name])
    }

    private static func text(_ parts: [MessagePart]) -> String {
        parts.filter { $0.type == "text" }.compactMap(\.text).joined()
    }

    // MARK: Users

    private static func userPart(_ part: MessagePart, urls: [String: String]) -> JSONValue? {
        let media = Media(part, urls: urls)
        switch part.type {
        case "text":
            return ["type": "text", "text": .string(part.text ?? "")]
        case "image":
            guard let link = media.link else { return nil }
            let detail = part.metaText("detail")
            let image = JSONValue(members: ["url": .string(link), "detail": detail.isEmpty ? nil : .string(detail)])
            return ["type": "image_url", "image_url": image]
        case "audio":
            guard let sound = media.inline else { return nil }
            let format = Self.audioFormat(part, sound)
            return ["type": "input_audio", "input_audio": ["data": .string(sound.data), "format": .string(format)]]
        case "file":
            let file = Self.file(part, media)
            return file.object?.isEmpty == false ? ["type": "file", "file": file] : nil
        default:
            return nil
        }
    }

    private static func audioFormat(_ part: MessagePart, _ sound: Media.Inline) -> String {
        let format = part.metaText("format")
        if !format.isEmpty { return format }
        let subtype = sound.contentType.split(separator: "/").last ?? ""
        return subtype == "mpeg" ? "mp3" : String(subtype)
    }

    private static func file(_ part: MessagePart, _ media: Media) -> JSONValue {
        let given = part.metaText("file_data")
        let data = given.isEmpty ? media.inline?.url : given
        let id = part.metaText("file_id")
        let name = part.metaText("filename")
        return JSONValue(members: [
            "file_id": id.isEmpty ? nil : .string(id), "file_data": data.map { .string($0) },
            "filename": name.isEmpty ? nil : .string(name),
        ])
    }

    // MARK: Assistants and tools

    private static func assistant(_ parts: [MessagePart], name: JSONValue?) -> JSONValue {
        let texts = parts.filter { $0.type == "text" || $0.type == "thinking" }.compactMap(\.text).filter {
            !$0.isEmpty
        }
        let calls = parts.filter { $0.type == "tool-call" }.compactMap { Self.call($0) }
        let content: JSONValue? =
            switch texts.count {
            case 0: nil
            case 1: .string(texts[0])
            default: .array(texts.map { ["type": "text", "text": .string($0)] })
            }
        return JSONValue(members: [
            "role": "assistant", "content": content, "tool_calls": calls.isEmpty ? nil : .array(calls), "name": name,
        ])
    }

    private static func call(_ part: MessagePart) -> JSONValue? {
        let id = part.metaText("id")
        let name = part.metaText("name")
        guard !id.isEmpty, !name.isEmpty else { return nil }
        let arguments = part.meta?["arguments"]?.argumentsText ?? ""
        return [
            "id": .string(id), "type": "function",
            "function": ["name": .string(name), "arguments": .string(arguments)],
        ]
    }

    /// Several results become one message, under the first id: the format has a message for each, and a list holds one for
    /// one.
    private static func tool(_ parts: [MessagePart]) -> JSONValue {
        let id = parts.lazy.map { $0.metaText("tool_call_id") }.first { !$0.isEmpty } ?? ""
        return [
            "role": "tool", "tool_call_id": .string(id), "content": .string(parts.compactMap(\.text).joined()),
        ]
    }
}
