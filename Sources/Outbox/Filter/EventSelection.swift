import Foundation
package import Postgres

/// A filter as parts of a statement, over the alias `o`: `SELECT o.id FROM \(source) WHERE \(condition) ORDER BY o.id`.
///
/// The text depends on which fields are set: no connection should keep all those prepared.
package struct EventSelection: Sendable {
    /// Yields `o.id` and the other columns of `skillrelay.outbox`.
    package let source: String
    package let condition: String
    /// What both bind, from `$firstParameter` on.
    package let parameters: [PostgresValue]

    package init(_ filter: EventFilter, firstParameter: Int) {
        // Only these have an error.
        let parked: Set<EventState> = [.pending, .dead, .discarded]
        var states = filter.states.isEmpty ? Set(EventState.allCases) : filter.states
        if filter.error != nil { states.formIntersection(parked) }
        // What is not delivered is few, or at least fewer: found from its own table, not by looking through the history.
        let isNarrow = states.isSubset(of: parked)
        let tables = states.compactMap(\.table).sorted()
        self.source =
            switch (isNarrow, tables.isEmpty) {
            case (false, _): "skillrelay.outbox AS o"
            case (true, false): Self.narrow(tables)
            case (true, true): "(SELECT *, NULL::text AS last_error FROM skillrelay.outbox WHERE false) AS o"
            }
        var conditions = Conditions(nextParameter: firstParameter)
        conditions.addRange(filter)
        if !isNarrow {
            // The range again: the planner does not conclude it, and would read the whole pending list.
            let range = conditions.texts.map { $0.replacing("o.id", with: "other.id") }
            for table in parked.subtracting(states).compactMap(\.table).sorted() {
                let same = (["other.id = o.id"] + range).joined(separator: " AND ")
                conditions.add("NOT EXISTS (SELECT FROM \(table) AS other WHERE \(same))")
            }
        }
        conditions.add(filter)
        self.condition = conditions.texts.isEmpty ? "true" : conditions.texts.joined(separator: " AND ")
        self.parameters = conditions.parameters
    }

    // OFFSET 0 makes the planner look each event up by key, whatever its statistics say of tables that fill and empty.
    private static func narrow(_ tables: [String]) -> String {
        let keys = tables.map { "SELECT id, last_error FROM \($0)" }.joined(separator: " UNION ALL ")
        return """
            (SELECT k.id, k.last_error, e.exchange, e.routing_key, e.type, e.payload, e.headers, e.created_at
            FROM (\(keys)) AS k
            CROSS JOIN LATERAL (SELECT * FROM skillrelay.outbox WHERE outbox.id = k.id OFFSET 0) AS e) AS o
            """
    }

    private struct Conditions {
        var nextParameter: Int
        var texts: [String] = []
        var parameters: [PostgresValue] = []

        /// Each `?` of the text is the next of the values.
        mutating func add(_ text: String, _ values: PostgresValue...) {
            var parts = text.split(separator: "?", omittingEmptySubsequences: false)[...]
            var bound = String(parts.removeFirst())
            for (part, value) in zip(parts, values) {
                bound += "$\(self.nextParameter)\(part)"
                self.nextParameter += 1
                self.parameters.append(value)
            }
            self.texts.append(bound)
        }

        // Bounds of ids, not of times: they leave out whole partitions.
        mutating func addRange(_ filter: EventFilter) {
            if let since = filter.since { self.add("o.id >= ?", .uuid(EventID.least(at: since))) }
            if let until = filter.until { self.add("o.id < ?", .uuid(EventID.least(at: until))) }
        }

        mutating func add(_ filter: EventFilter) {
            if !filter.ids.isEmpty { self.add("o.id = ANY(?::uuid[])", .uuidArray(filter.ids)) }
            if let exchange = filter.exchange { self.add("o.exchange = ?", .text(exchange)) }
            if let routingKey = filter.routingKey { self.add("o.routing_key = ?", .text(routingKey)) }
            if let type = filter.type { self.add("o.type = ?", .text(type)) }
            if let error = filter.error { self.add("position(lower(?) IN lower(o.last_error)) > 0", .text(error)) }
            self.add(member: "project_id", filter.project)
            self.add(member: "session_id", filter.session)
            self.add(member: "task_id", filter.task)
        }

        // A payload may be any bytes: it is searched, not parsed. First for the id alone, which costs little; the expression sees ASCII
        // only, the rest escaped.
        private mutating func add(member name: String, _ id: UUID?) {
            guard let id = id?.lowercased else { return }
            self.add(
                "position(? IN o.payload) > 0 AND encode(o.payload, 'escape') ~ ?",
                .bytes(Array(id.utf8)), .text("\"\(name)\"\\s*:\\s*\"\(id)\"")
            )
        }
    }
}

extension PostgresSession {
    /// Runs a statement that looks for what fits a filter.
    ///
    /// - Throws: `OperationError.tooLong` when it takes longer than a statement may; `PostgresError`.
    func search<R>(
        _ statement: PostgresStatement, _ parameters: [PostgresValue], decode: (borrowing PostgresRow) throws -> R
    ) throws -> [R] {
        do {
            return try self.query(statement, parameters, decode: decode)
        } catch let error as PostgresError where error.code == .server && error.sqlState == .queryCanceled {
            throw OperationError.tooLong("the search took too long: narrow it, with since and until")
        }
    }
}
