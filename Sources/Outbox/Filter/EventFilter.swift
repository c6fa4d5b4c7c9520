package import Foundation
package import Postgres

/// Which events an operator means. Every part that is set must fit; without any, all events do.
package struct EventFilter: Sendable, Hashable {
    /// Empty: any.
    package private(set) var states: Set<EventState> = []
    /// By the time in the event's id, which is when it was written.
    package private(set) var since: PostgresTimestamp?
    /// The first moment that is too late.
    package private(set) var until: PostgresTimestamp?
    /// As `project_id` in a JSON payload; so are session and task.
    package private(set) var project: UUID?
    package private(set) var session: UUID?
    package private(set) var task: UUID?
    package private(set) var type: String?
    package private(set) var exchange: String?
    package private(set) var routingKey: String?
    /// A part of the last error, in any case of letters. Events without an error do not fit.
    package private(set) var error: String?
    /// Empty: any.
    package private(set) var ids: [UUID] = []

    /// More are refused.
    package static let maxIDs = 10_000
    /// Of any text, in bytes; more is refused.
    package static let maxTextBytes = 1024

    package init() {}

    /// The same but for the ids.
    var withoutIDs: EventFilter {
        var filter = self
        filter.ids = []
        return filter
    }

    /// What a filter may say: the names of the options, of the query's parameters and of the members in JSON.
    package enum Field: String, Sendable, CaseIterable {
        case state, since, until, project, session, task, type, exchange, error, id
        case routingKey = "routing_key"
    }

    /// Sets one field as a person writes it. Several states or ids are separated by commas, or set one after the other.
    ///
    /// - Parameters:
    ///   - field: which; a second text for any other than `state` and `id` replaces the first.
    ///   - text: a time is one of RFC 3339, or how long ago: `90s`, `15m`, `2h`, `7d`.
    ///   - now: from where times count back.
    /// - Throws: `EventFilterError`; the filter is then not to be used.
    package mutating func set(
        _ field: Field,
        to text: String,
        now: PostgresTimestamp = .now
    ) throws(EventFilterError) {
        guard text.utf8.count <= Self.maxTextBytes || field == .id, !text.utf8.contains(0) else {
            throw EventFilterError(field, "is longer than \(Self.maxTextBytes) bytes, or has a NUL in it")
        }
        switch field {
        case .state: try self.addStates(text)
        case .since: self.since = try Self.time(field, text, now: now)
        case .until: self.until = try Self.time(field, text, now: now)
        case .project: self.project = try Self.id(field, text)
        case .session: self.session = try Self.id(field, text)
        case .task: self.task = try Self.id(field, text)
        case .type: self.type = text
        // The empty name is the default exchange's, and a queue may be bound with an empty key.
        case .exchange: self.exchange = text
        case .routingKey: self.routingKey = text
        case .error:
            guard !text.isEmpty else { throw EventFilterError(field, "is empty") }
            self.error = text
        case .id: try self.addIDs(text)
        }
        if let since, let until, since >= until {
            throw EventFilterError(.until, "is not after since: no event would fit")
        }
    }

    private mutating func addStates(_ text: String) throws(EventFilterError) {
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let state = EventState(rawValue: String(name)) else {
                let known = EventState.allCases.map(\.rawValue).joined(separator: ", ")
                throw EventFilterError(.state, String(name), "none of \(known)")
            }
            self.states.insert(state)
        }
    }

    private mutating func addIDs(_ text: String) throws(EventFilterError) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            self.ids.append(try Self.id(.id, String(part)))
        }
        guard self.ids.count <= Self.maxIDs else {
            throw EventFilterError(.id, "has more than \(Self.maxIDs) ids")
        }
    }

    private static func id(_ field: Field, _ text: String) throws(EventFilterError) -> UUID {
        guard let id = UUID(uuidString: text) else {
            throw EventFilterError(field, text, "no id such as 019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90")
        }
        return id
    }

    private static func time(
        _ field: Field, _ text: String, now: PostgresTimestamp
    ) throws(EventFilterError) -> PostgresTimestamp {
        if let time = PostgresTimestamp(rfc3339: text) { return time }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        // Seven digits of days are within the range of a time.
        if let unit = text.last.flatMap({ units[$0] }), text.count <= 8, text.dropLast().allSatisfy(\.isWholeNumber),
            let count = Int64(text.dropLast())
        {
            return PostgresTimestamp(unixMicroseconds: now.unixMicroseconds - count * unit * 1_000_000)
        }
        throw EventFilterError(field, text, "no time such as 2026-11-23T00:00:00Z, or 90s, 15m, 2h or 7d ago")
    }
}

/// A filter that says something that cannot be. Its description is one line.
package struct EventFilterError: Error, Hashable, CustomStringConvertible {
    /// The field's name.
    package let field: String
    package let problem: String

    package init(field: String, problem: String) {
        self.field = field
        self.problem = problem
    }

    fileprivate init(_ field: EventFilter.Field, _ problem: String) {
        self.init(field: field.rawValue, problem: problem)
    }

    /// Quotes the text, escaped and cut.
    fileprivate init(_ field: EventFilter.Field, _ text: String, _ expectation: String) {
        self.init(field: field.rawValue, problem: "\(String(text.prefix(64)).debugDescription) is \(expectation)")
    }

    package var description: String { "\(self.field): \(self.problem)" }
}

extension PostgresTimestamp {
    /// By this machine's clock.
    package static var now: PostgresTimestamp {
        PostgresTimestamp(unixMicroseconds: Int64(Date.now.timeIntervalSince1970 * 1_000_000))
    }
}
