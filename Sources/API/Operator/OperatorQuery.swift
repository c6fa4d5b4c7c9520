import Foundation
import Outbox
import Postgres

/// The query of an operator's request: strict, because a filter that was misspelt and passed over would mean every event.
struct OperatorQuery: Sendable {
    private var values: [(name: String, text: String)] = []

    /// - Parameters:
    ///   - query: what stands after the question mark; nil for none.
    ///   - names: which parameters there are.
    /// - Throws: `OperationError.invalid` for any other, and for what cannot be decoded.
    init(_ query: String?, names: [String]) throws(OperationError) {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = QueryParameters.decode(parts[0]),
                let text = QueryParameters.decode(parts.count > 1 ? parts[1] : "")
            else { throw .invalid("the query has an escape that is none") }
            guard names.contains(name) else {
                let known = names.isEmpty ? "no parameter" : "none of \(names.joined(separator: ", "))"
                throw .invalid("\(String(name.prefix(64)).debugDescription) is \(known)")
            }
            self.values.append((name, text))
        }
    }

    /// The last of repeated ones.
    func text(_ name: String) -> String? {
        self.values.last { $0.name == name }?.text
    }

    func integer(_ name: String, in range: ClosedRange<Int>, default value: Int) throws(OperationError) -> Int {
        guard let text = self.text(name) else { return value }
        guard let value = Int(text), range.contains(value) else {
            throw .invalid("\(name): is no integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func id(_ name: String) throws(OperationError) -> UUID? {
        guard let text = self.text(name) else { return nil }
        guard let id = UUID(anySpelling: text) else { throw .invalid("\(name): is no id") }
        return id
    }

    /// The filter's fields, each under its own name.
    func filter() throws(EventFilterError) -> EventFilter {
        var filter = EventFilter()
        for (name, text) in self.values {
            if let field = EventFilter.Field(rawValue: name) { try filter.set(field, to: text) }
        }
        return filter
    }
}
