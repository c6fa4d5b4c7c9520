import Foundation
package import Postgres

/// A destination, how many events are meant for it, and whether they flow.
package struct DestinationStatus: Sendable, Hashable, Encodable {
    package let exchange: String
    package let routingKey: String
    /// Of those asked about.
    package let events: Int
    /// By an operator: this destination, or everything.
    package let pause: OperatorPause?
    /// As a relay has it that is at work: it leaves the destination alone and asks it again with one event.
    package let failure: Failure?

    package struct Failure: Sendable, Hashable, Codable {
        package let since: PostgresTimestamp
        package let error: String
    }

    package var state: String { self.pause != nil ? "paused" : self.failure != nil ? "failing" : "flowing" }

    private enum CodingKeys: CodingKey { case exchange, routingKey, events, state, pause, failure }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.exchange, forKey: .exchange)
        try container.encode(self.routingKey, forKey: .routingKey)
        try container.encode(self.events, forKey: .events)
        try container.encode(self.state, forKey: .state)
        try container.encodeIfPresent(self.pause, forKey: .pause)
        try container.encodeIfPresent(self.failure, forKey: .failure)
    }
}

/// What keeps events back, as of one moment.
struct Obstacles {
    let pauses: [OperatorPause]
    let failures: [Destination: DestinationStatus.Failure]

    /// - Throws: `PostgresError`.
    init(in session: PostgresSession) throws {
        self.pauses = try OperatorPause.list(in: session)
        let failures = try session.query(Self.failures) { row in
            let (exchange, routingKey, since, error) = try row.decode(
                String.self, String.self, PostgresTimestamp.self, String.self
            )
            let failure = DestinationStatus.Failure(since: since, error: error)
            return (Destination(exchange: exchange, routingKey: routingKey), failure)
        }
        self.failures = Dictionary(failures, uniquingKeysWith: { first, _ in first })
    }

    /// The pause of everything.
    var pauseOfAll: OperatorPause? { self.pauses.first { $0.exchange == nil } }

    func status(of destination: Destination, events: Int) -> DestinationStatus {
        let pause = self.pauses.first {
            $0.exchange == destination.exchange && $0.routingKey == destination.routingKey
        }
        return DestinationStatus(
            exchange: destination.exchange, routingKey: destination.routingKey, events: events,
            pause: pause ?? self.pauseOfAll, failure: self.failures[destination]
        )
    }

    /// Those that are paused or fail themselves.
    var destinations: Set<Destination> {
        let paused = self.pauses.compactMap { pause in
            pause.exchange.flatMap { exchange in
                pause.routingKey.map { Destination(exchange: exchange, routingKey: $0) }
            }
        }
        return Set(paused).union(self.failures.keys)
    }

    // The longest first: relays find a failure at different times.
    private static let failures = PostgresStatement(
        "inspection.failures",
        """
        SELECT failing ->> 'exchange', failing ->> 'routing_key', (failing ->> 'since')::timestamptz AS since,
            failing ->> 'error'
        FROM skillrelay.relays, jsonb_array_elements(destinations) AS failing
        WHERE seen_at > now() - interval '30 seconds'
        ORDER BY since
        """,
        isReadOnly: true
    )
}
