import Foundation
import JSON

/// A request's query, read as upstream reads it (contract.md §2.0): the first of repeated keys counts, an empty value
/// is none.
///
/// Hummingbird's own reader leaves keys encoded and `+` a plus.
struct QueryParameters: Sendable {
    /// A value that does not decode is nil.
    private let pairs: [(key: String, value: String?)]

    /// - Parameter query: what stands after the question mark; nil for none. Keys that do not decode are left out.
    init(_ query: String?) {
        self.pairs = (query ?? "").split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return Self.decode(parts[0]).map { ($0, Self.decode(parts.count > 1 ? parts[1] : "")) }
        }
    }

    static func decode(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }

    /// What does not decode is passed over.
    func string(_ key: String) -> String? {
        guard let value = self.pairs.first(where: { $0.key == key })?.value, !value.isEmpty else { return nil }
        return value
    }

    /// A condition that a list's items must meet: without it they would be all, so nothing is passed over.
    ///
    /// - Throws: `RequestError.invalidParameter` for what does not decode.
    func condition(_ key: String) throws(RequestError) -> String? {
        let isBroken = self.pairs.contains { $0.key == key && $0.value == nil }
        guard !isBroken else { throw .invalidParameter }
        return self.string(key)
    }

    /// The JSON text of an object that a list's items must contain; nil when that is no condition: for `null`, and for an empty object.
    ///
    /// - Throws: `RequestError.invalidFilter` for anything else, and for what PostgreSQL could not keep.
    func filter(_ key: String) throws(RequestError) -> String? {
        do {
            guard let text = try self.condition(key) else { return nil }
            switch try JSONValue(Array(text.utf8)) {
            case .null: return nil
            case .object(let members): return members.isEmpty ? nil : text
            default: throw JSONError.wrongType
            }
        } catch {
            throw .invalidFilter(key)
        }
    }

    /// - Throws: `RequestError.invalidParameter` for anything but a decimal integer.
    func integer(_ key: String) throws(RequestError) -> Int? {
        guard let text = self.string(key) else { return nil }
        guard let value = Int(text) else { throw .invalidParameter }
        return value
    }

    /// - Throws: `RequestError.invalidParameter` for anything but Go's words for true and false.
    func bool(_ key: String) throws(RequestError) -> Bool? {
        switch self.string(key) {
        case nil: return nil
        case "1", "t", "T", "true", "True", "TRUE": return true
        case "0", "f", "F", "false", "False", "FALSE": return false
        default: throw .invalidParameter
        }
    }
}
