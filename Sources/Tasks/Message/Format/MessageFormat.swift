package import JSON

/// The formats in which messages come and go: our own, and those of three model providers (contract.md §2.3).
package enum MessageFormat: String, Sendable, Hashable, CaseIterable {
    case acontext, openai, anthropic, gemini

    /// What a message in this format says, in the form that is stored.
    ///
    /// - Throws: `MessageFormatError` when it is not a message of this format.
    package func normalise(_ blob: JSONValue) throws(MessageFormatError) -> NormalisedMessage {
        switch self {
        case .acontext: try AcontextFormat.normalise(blob)
        case .openai: try OpenAIFormat.normalise(blob)
        case .anthropic: try AnthropicFormat.normalise(blob)
        case .gemini: try GeminiFormat.normalise(blob)
        }
    }

    /// The messages in this format, one for one and in their order. What a format has no word for is left out of it.
    ///
    /// `urls` says where each asset can be read, by its SHA-256.
    package func convert(_ messages: [ParsedMessage], urls: [String: String] = [:]) -> [JSONValue] {
        switch self {
        case .acontext: messages.map { AcontextFormat.convert($0) }
        case .openai: messages.map { OpenAIFormat.convert($0, urls: urls) }
        case .anthropic: messages.map { AnthropicFormat.convert($0, urls: urls) }
        case .gemini: GeminiFormat.convert(messages, urls: urls)
        }
    }
}

/// What is stored of a message that came in some format.
package struct NormalisedMessage: Sendable, Hashable {
    /// A part's file, by the name of its field in the form that brings both.
    package struct FileField: Sendable, Hashable {
        /// Index into `parts`.
        package let part: Int
        package let name: String
    }

    /// `user` or `assistant`.
    package let role: String
    package var parts: [MessagePart]
    package var fileFields: [FileField] = []
    /// An object.
    package let meta: JSONValue
}

/// What is wrong with a message. The names are the format's, never what the client wrote.
package enum MessageFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing(String)
    case wrongType(String)
    /// A word that the format does not know.
    case unsupported(String)
    case tooLong(String)
    /// A result without the id of its call, in a session where no call of that name waits for one.
    case noOpenCall

    package var description: String {
        switch self {
        case .missing(let name): "\(name) is missing"
        case .wrongType(let name): "\(name) is of the wrong type"
        case .unsupported(let name): "\(name) is not supported"
        case .tooLong(let name): "\(name) is too long"
        case .noOpenCall: "no call waits for this result"
        }
    }
}
