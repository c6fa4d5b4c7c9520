import JSON

/// Which calls and results lose what they hold; their places stay, so that calls and results still pair.
package struct ToolContentRemoval: Sendable, Hashable {
    /// So many of the latest stay as they are.
    let keepsLatest: Int
    /// These tools' stay, and are not counted.
    let keepsTools: Set<String>
    /// Only what has more tokens goes; nil: all.
    let overTokens: Int?

    func results(of messages: [ParsedMessage], placeholder: String) -> [ParsedMessage] {
        var names: [String: String] = [:]
        for part in messages.lazy.flatMap(\.parts) where part.type == "tool-call" {
            names[part.metaText("id")] = part.metaText("name")
        }
        return self.edit(messages, type: "tool-result", tool: { names[$0.metaText("tool_call_id")] }) { part in
            if self.isLarge(part.text ?? "") { part.text = placeholder }
        }
    }

    func arguments(of messages: [ParsedMessage]) -> [ParsedMessage] {
        self.edit(messages, type: "tool-call", tool: { $0.metaText("name") }) { part in
            guard let members = part.meta?.object, self.isLarge(part.meta?["arguments"]?.argumentsText ?? "") else {
                return
            }
            part.meta = .object(members.filter { $0.key != "arguments" } + [.init("arguments", "{}")])
        }
    }

    private func isLarge(_ text: String) -> Bool {
        self.overTokens.map { TokenEstimate.count(text) > $0 } ?? true
    }

    private func edit(
        _ messages: [ParsedMessage],
        type: String,
        tool: (MessagePart) -> String?,
        _ change: (inout MessagePart) -> Void
    ) -> [ParsedMessage] {
        var messages = messages
        let places = messages.indices.flatMap { message in
            messages[message].parts.indices.map { (message, $0) }
        }.filter { message, part in
            let part = messages[message].parts[part]
            return part.type == type && !(tool(part).map { self.keepsTools.contains($0) } ?? false)
        }
        for (message, part) in places.dropLast(self.keepsLatest) { change(&messages[message].parts[part]) }
        return messages
    }
}
