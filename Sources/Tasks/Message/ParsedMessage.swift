package import JSON

/// A stored message, read so that it can be counted, edited and converted.
package struct ParsedMessage: Sendable {
    package let message: Message
    /// An object: the keys of our own among it.
    package let meta: JSONValue
    package var parts: [MessagePart]

    /// What cannot be read, because somebody else has stored it so, is left out: one bad message does not hide the others.
    package init(_ message: Message) {
        let meta = try? JSONValue(stored: message.meta)  // what is no JSON says nothing
        let parts = try? JSONValue(stored: message.parts)  // nor has it parts
        self.message = message
        self.meta = meta?.object == nil ? .object([]) : meta ?? .object([])
        self.parts = (parts?.array ?? []).compactMap { MessagePart($0) }
    }

    /// What the user has attached to the message; an object.
    package var userMeta: JSONValue { MessageMeta.user(of: self.meta) }
}

/// The keys of a message's meta that have a meaning of their own, in upstream's words.
package enum MessageMeta {
    /// Holds what the user has attached, apart from all others.
    package static let user = "__user_meta__"
    /// The format in which the message came.
    static let sourceFormat = "source_format"
    /// The role in which it came, where that is not the one stored.
    static let originalRole = "original_role"
    /// Who speaks, in OpenAI's format.
    static let name = "name"
    /// The calls, `{id, name}`, that wait for their result, because Gemini's results need not name the call.
    static let openCalls = "__gemini_call_info__"

    /// What the user has attached, from the whole meta; an object.
    package static func user(of meta: JSONValue) -> JSONValue {
        guard let user = meta[Self.user], user.object != nil else { return .object([]) }
        return user
    }
}
