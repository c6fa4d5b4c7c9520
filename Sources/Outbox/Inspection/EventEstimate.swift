package import Postgres

/// What an operation on the events that fit a filter would mean, before anything is done.
package struct EventEstimate: Sendable, Encodable {
    package let filter: EventFilter
    package let count: Int
    /// Of all payloads.
    package let payloadBytes: Int
    package let oldestAt: PostgresTimestamp?
    package let newestAt: PostgresTimestamp?
    /// Where they go, and whether that flows. Most events first.
    package let destinations: [DestinationStatus]
    /// The newest, 5 at most.
    package let sample: [EventSummary]
    /// Events a second.
    package let rate: Int?
    /// How long it takes to queue them at that rate; nil without one: then it takes as long as the relay is busy with them.
    package let seconds: Double?

    /// Counts what fits, exactly.
    ///
    /// - Parameters:
    ///   - filter: which events; what is pending is in it unless its states say otherwise.
    ///   - rate: events a second.
    ///   - session: its statement timeout must allow for reading all that fits.
    /// - Returns: the counts.
    /// - Throws: `OperationError.tooLong`, `PostgresError`.
    package static func read(_ filter: EventFilter, rate: Int?, in session: PostgresSession) throws -> EventEstimate {
        let selection = EventSelection(filter, firstParameter: 1)
        let obstacles = try Obstacles(in: session)
        let groups = try session.search(Self.statement(selection), selection.parameters, decode: Group.init(row:))
        let count = groups.reduce(0) { $0 + $1.count }
        return EventEstimate(
            filter: filter, count: count, payloadBytes: groups.reduce(0) { $0 + $1.bytes },
            oldestAt: groups.map(\.oldest).min(), newestAt: groups.map(\.newest).max(),
            destinations: groups.map { obstacles.status(of: $0.destination, events: $0.count) },
            sample: groups.isEmpty ? [] : try EventPage.read(filter, limit: 5, in: session).items,
            rate: rate, seconds: rate.map { Double(count) / Double($0) }
        )
    }

    private struct Group {
        let destination: Destination
        let count: Int
        let bytes: Int
        let oldest: PostgresTimestamp
        let newest: PostgresTimestamp

        init(row: borrowing PostgresRow) throws {
            let (exchange, routingKey, count, bytes, oldest, newest) = try row.decode(
                String.self, String.self, Int.self, Int.self, PostgresTimestamp.self, PostgresTimestamp.self
            )
            self.destination = Destination(exchange: exchange, routingKey: routingKey)
            (self.count, self.bytes, self.oldest, self.newest) = (count, bytes, oldest, newest)
        }
    }

    private static func statement(_ selection: EventSelection) -> PostgresStatement {
        PostgresStatement(
            "inspection.estimate",
            """
            SELECT o.exchange, o.routing_key, count(*), sum(octet_length(o.payload))::bigint, min(o.created_at),
                max(o.created_at)
            FROM \(selection.source)
            WHERE \(selection.condition)
            GROUP BY o.exchange, o.routing_key
            ORDER BY count(*) DESC, 1, 2
            """,
            isReadOnly: true
        )
    }
}
