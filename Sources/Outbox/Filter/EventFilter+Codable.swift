import Foundation
import Postgres

/// An object whose members are the fields that are set: `state` and `id` arrays of texts, the others texts.
extension EventFilter: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
        init(_ field: Field) { self.stringValue = field.rawValue }
    }

    /// Takes a text where it writes an array, too.
    ///
    /// - Throws: `EventFilterError`, also for an unknown member: one that was misspelt must not widen the filter.
    package init(from decoder: any Decoder) throws {
        self.init()
        guard let container = try? decoder.container(keyedBy: Key.self) else {
            throw EventFilterError(field: "filter", problem: "is no object")
        }
        for key in container.allKeys {
            guard let field = Field(rawValue: key.stringValue) else {
                let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
                throw EventFilterError(field: key.stringValue, problem: "is none of \(known)")
            }
            let isList = field == .state || field == .id
            if let text = try? container.decode(String.self, forKey: key) {
                try self.set(field, to: text)
            } else if isList, let texts = try? container.decode([String].self, forKey: key) {
                for text in texts { try self.set(field, to: text) }
            } else {
                throw EventFilterError(
                    field: field.rawValue, problem: "is no text" + (isList ? " and no array of texts" : ""))
            }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        if !self.states.isEmpty { try container.encode(self.states.map(\.rawValue).sorted(), forKey: Key(.state)) }
        try container.encodeIfPresent(self.since, forKey: Key(.since))
        try container.encodeIfPresent(self.until, forKey: Key(.until))
        try container.encodeIfPresent(self.project?.lowercased, forKey: Key(.project))
        try container.encodeIfPresent(self.session?.lowercased, forKey: Key(.session))
        try container.encodeIfPresent(self.task?.lowercased, forKey: Key(.task))
        try container.encodeIfPresent(self.type, forKey: Key(.type))
        try container.encodeIfPresent(self.exchange, forKey: Key(.exchange))
        try container.encodeIfPresent(self.routingKey, forKey: Key(.routingKey))
        try container.encodeIfPresent(self.error, forKey: Key(.error))
        if !self.ids.isEmpty { try container.encode(self.ids.map(\.lowercased), forKey: Key(.id)) }
    }
}
