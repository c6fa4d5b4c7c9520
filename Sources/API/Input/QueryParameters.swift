import Foundation

/// A request's query, read as upstream reads it (contract.md §2.0): the first of repeated keys counts, an empty value
/// is none.
///
/// Hummingbird's own reader leaves keys encoded and `+` a plus.
struct QueryParameters: Sendable {
    private let pairs: [(key: String, value: String)]

    /// - Parameter query: what stands after the question mark; nil for none. Pairs that do not decode are left out.
    init(_ query: String?) {
        self.pairs = (query ?? "").split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = Self.decode(parts[0]), let value = Self.decode(parts.count > 1 ? parts[1] : "") else {
                return nil
            }
            return (key, value)
        }
    }

    static func decode(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }

    func string(_ key: String) -> String? {
        guard let value = self.pairs.first(where: { $0.key == key })?.value, !value.isEmpty else { return nil }
        return value
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
