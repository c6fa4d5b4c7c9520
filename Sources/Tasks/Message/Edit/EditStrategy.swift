package import Foundation
package import JSON

/// A way to make a list of messages shorter before a model is given it, as upstream has them. What is stored stays.
package enum EditStrategy: Sendable, Hashable {
    /// Puts a placeholder in the place of all but the latest results.
    case removeToolResult(ToolContentRemoval, placeholder: String)
    /// Puts an empty object in the place of all but the latest calls' arguments.
    case removeToolCallParams(ToolContentRemoval)
    /// Drops messages from the middle, until so many tokens are left.
    case middleOut(tokens: Int)
    /// Drops the oldest messages, until so many tokens are left.
    case tokenLimit(tokens: Int)

    /// Content goes before messages do, and the limit that must hold is kept last.
    private var rank: Int {
        switch self {
        case .removeToolResult: 1
        case .removeToolCallParams: 2
        case .middleOut: 3
        case .tokenLimit: 4
        }
    }

    private func apply(to messages: [ParsedMessage]) -> [ParsedMessage] {
        switch self {
        case .removeToolResult(let removal, let placeholder): removal.results(of: messages, placeholder: placeholder)
        case .removeToolCallParams(let removal): removal.arguments(of: messages)
        case .middleOut(let tokens): MessageRemoval(messages).middleOut(tokens: tokens)
        case .tokenLimit(let tokens): MessageRemoval(messages).oldest(tokens: tokens)
        }
    }

    /// Applies all of them to the messages, oldest first, up to the one of the id `pin`; to all without a pin that is there.
    ///
    /// - Returns: the messages, and up to which of them they were edited.
    package static func apply(
        _ strategies: [EditStrategy],
        to messages: [ParsedMessage],
        pin: UUID?
    ) -> (messages: [ParsedMessage], editedUpTo: UUID?) {
        guard let last = messages.indices.last else { return (messages, nil) }
        let end = strategies.isEmpty ? last : messages.firstIndex { $0.message.id == pin } ?? last
        let edited = strategies.sorted { $0.rank < $1.rank }.reduce(Array(messages[...end])) { $1.apply(to: $0) }
        return (edited + messages[(end + 1)...], messages[end].message.id)
    }
}

// MARK: - What clients send

/// What is wrong with a list of edit strategies.
package enum EditStrategyError: Error, Hashable, Sendable {
    /// Not a JSON array of objects.
    case malformed
    case unknownType
    /// More than `EditStrategy.maxCount`.
    case tooMany
    /// A parameter that is missing, or not what it must be.
    case invalid(parameter: String, mustBe: String)
}

extension EditStrategy {
    /// Each looks at all messages.
    package static let maxCount = 16

    /// Reads `[{type, params}]`.
    package static func list(_ json: JSONValue) throws(EditStrategyError) -> [EditStrategy] {
        if json == .null { return [] }
        guard let items = json.array else { throw .malformed }
        guard items.count <= Self.maxCount else { throw .tooMany }
        return try items.map { item throws(EditStrategyError) in try EditStrategy(item) }
    }

    private init(_ json: JSONValue) throws(EditStrategyError) {
        guard json.object != nil else { throw .malformed }
        let params = json["params"] ?? .object([])
        guard params.object != nil else { throw .invalid(parameter: "params", mustBe: "an object") }
        switch json["type"]?.string {
        case "remove_tool_result":
            let removal = try ToolContentRemoval(params, keep: "keep_recent_n_tool_results")
            let given = params["tool_result_placeholder"]
            guard given == nil || given?.string != nil else {
                throw .invalid(parameter: "tool_result_placeholder", mustBe: "a string")
            }
            let placeholder = given?.string?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
            self = .removeToolResult(removal, placeholder: placeholder.isEmpty ? "Done" : placeholder)
        case "remove_tool_call_params":
            self = .removeToolCallParams(try ToolContentRemoval(params, keep: "keep_recent_n_tool_calls"))
        case "middle_out":
            self = .middleOut(tokens: try Self.tokens(params, "token_reduce_to"))
        case "token_limit":
            self = .tokenLimit(tokens: try Self.tokens(params, "limit_tokens"))
        default:
            throw .unknownType
        }
    }

    private static func tokens(_ params: JSONValue, _ key: String) throws(EditStrategyError) -> Int {
        guard let tokens = try Self.integer(params, key, atLeast: 1) else {
            throw .invalid(parameter: key, mustBe: "an integer from 1 on")
        }
        return tokens
    }

    fileprivate static func integer(
        _ params: JSONValue,
        _ key: String,
        atLeast least: Int
    ) throws(EditStrategyError) -> Int? {
        guard let value = params[key] else { return nil }
        // JavaScript knows no integers: 3.0 is one.
        guard case .number(let digits) = value, let number = Double(digits), let integer = Int(exactly: number),
            integer >= least
        else { throw .invalid(parameter: key, mustBe: "an integer from \(least) on") }
        return integer
    }
}

extension ToolContentRemoval {
    fileprivate init(_ params: JSONValue, keep key: String) throws(EditStrategyError) {
        self.keepsLatest = try EditStrategy.integer(params, key, atLeast: 0) ?? 3
        self.overTokens = try EditStrategy.integer(params, "gt_token", atLeast: 1)
        let tools = params["keep_tools"] ?? .array([])
        let names = (tools.array ?? []).compactMap(\.string)
        guard let count = tools.array?.count, count == names.count else {
            throw .invalid(parameter: "keep_tools", mustBe: "an array of strings")
        }
        self.keepsTools = Set(names)
    }
}
