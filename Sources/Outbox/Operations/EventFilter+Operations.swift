import Foundation
import Postgres

extension EventFilter {
    /// The filter for an operation on events in these states, any of them unless it names some.
    ///
    /// - Throws: `OperationError.invalid` when it names another one.
    func restricted(to states: Set<EventState>, for operation: String) throws -> EventFilter {
        if let other = self.states.subtracting(states).map(\.rawValue).min() {
            let why = other == EventState.pending.rawValue ? ": these events are on their way" : ""
            throw OperationError.invalid("\(operation) takes no \(other) events\(why)")
        }
        guard self.states.isEmpty else { return self }
        var filter = self
        for state in states { try filter.set(.state, to: state.rawValue) }
        return filter
    }

    /// Looks at events that are named one by one: each must exist, and be in one of the filter's states.
    ///
    /// - Throws: `OperationError.notFound` or `.conflict`, which name the first that is not as it should be, and say how many there are.
    func checkIDs(in session: PostgresSession) throws {
        guard !self.ids.isEmpty else { return }
        let found = try session.query(Self.statesOfIDs, [.uuidArray(self.ids)]) { row in
            let (id, state) = try row.decode(UUID.self, String?.self)
            return (id: id, state: state)
        }
        let unknown = found.filter { $0.state == nil }
        if let first = unknown.first {
            throw OperationError.notFound("there is no event \(first.id.lowercased)\(Self.others(unknown.count))")
        }
        let allowed = Set(self.states.map(\.rawValue))
        let wrong = found.filter { !allowed.contains($0.state ?? "") }
        if let first = wrong.first, let state = first.state {
            let why = state == EventState.pending.rawValue ? " and on its way" : ""
            throw OperationError.conflict("event \(first.id.lowercased) is \(state)\(why)\(Self.others(wrong.count))")
        }
    }

    private static func others(_ count: Int) -> String {
        count > 1 ? " (and \(count - 1) more like it)" : ""
    }

    private static let statesOfIDs = PostgresStatement(
        "operations.statesOfIDs",
        """
        SELECT named.id, CASE
            WHEN NOT EXISTS (SELECT FROM skillrelay.outbox AS o WHERE o.id = named.id) THEN NULL
            WHEN EXISTS (SELECT FROM skillrelay.outbox_pending AS p WHERE p.id = named.id) THEN 'pending'
            WHEN EXISTS (SELECT FROM skillrelay.outbox_dead AS d WHERE d.id = named.id) THEN 'dead'
            WHEN EXISTS (SELECT FROM skillrelay.outbox_discarded AS g WHERE g.id = named.id) THEN 'discarded'
            ELSE 'delivered'
        END
        FROM unnest($1::uuid[]) AS named (id)
        """,
        isReadOnly: true
    )
}
