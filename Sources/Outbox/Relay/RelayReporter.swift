package import Foundation
package import Logging
package import Postgres
import ServiceLifecycle

/// A running relay, as others know it.
package struct RelayInstance: Sendable, Hashable {
    package let id: UUID
    package let host: String
    package let pid: Int32
    package let version: String

    package init(version: String) {
        self.id = UUID()
        self.version = version
        self.pid = getpid()
        // Not Foundation's, which asks the network.
        var name = [CChar](repeating: 0, count: 256)
        let isNamed = gethostname(&name, name.count - 1) == 0
        self.host = isNamed ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) : "unknown"
    }
}

/// Writes down every few seconds that this relay runs, and how it gets on: for monitors that have only SQL, and for other processes.
package struct RelayReporter: Service {
    private static let interval = Duration.seconds(5)

    private let instance: RelayInstance
    private let relay: OutboxRelay
    private let publisher: any EventPublisher
    private let pool: PostgresPool
    private let logger: Logger

    package init(
        instance: RelayInstance, relay: OutboxRelay, publisher: any EventPublisher, pool: PostgresPool, logger: Logger
    ) {
        self.instance = instance
        self.relay = relay
        self.publisher = publisher
        self.pool = pool
        self.logger = logger
    }

    /// Reports until graceful shutdown, and then takes leave.
    package func run() async {
        await cancelWhenGracefulShutdown {
            var failures = 0
            while !Task.isCancelled {
                do {
                    try await self.report()
                    failures = 0
                } catch {
                    guard !Task.isCancelled else { break }
                    failures += 1
                    // Once may be a failover. Unseen for long this relay counts as gone, and alerts say so.
                    if failures == 2 {
                        self.logger.warning(
                            "The relay's state cannot be written, others will not see it; trying again", error: error
                        )
                    }
                }
                try? await Task.sleep(for: Self.interval)  // cancelled: the loop ends
            }
        }
        // Unseen for a while it counts as gone all the same.
        await Farewell.say(within: .milliseconds(500)) {
            _ = try? await self.pool.query(Self.remove, [.uuid(self.instance.id)]) { _ in }
        }
    }

    private struct Failing: Encodable {
        let exchange: String
        let routingKey: String
        let since: PostgresTimestamp
        let error: String
    }

    private func report() async throws {
        let now = (ContinuousClock.now, Date.now)
        let failing = self.relay.failingDestinations.map { failing in
            let since = now.1.timeIntervalSince1970 - (now.0 - failing.since) / .seconds(1)
            return Failing(
                exchange: failing.destination.exchange, routingKey: failing.destination.routingKey,
                since: PostgresTimestamp(unixMicroseconds: Int64(since * 1_000_000)), error: failing.error
            )
        }
        let condition = self.publisher.condition
        _ = try await self.pool.query(
            Self.upsert,
            [
                .uuid(self.instance.id), .text(self.instance.host), .int4(self.instance.pid),
                .text(self.instance.version), .text(condition.state.rawValue),
                .optional(condition.error, PostgresValue.text),
                .json(try OperatorJSON.text(failing)),
            ]
        ) { _ in }
    }

    private static let upsert = PostgresStatement(
        "relays.report",
        """
        WITH gone AS (DELETE FROM skillrelay.relays WHERE seen_at < now() - interval '1 hour' AND instance <> $1)
        INSERT INTO skillrelay.relays (instance, host, pid, version, broker, broker_error, destinations)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (instance) DO UPDATE
        SET seen_at = now(), broker = EXCLUDED.broker, broker_error = EXCLUDED.broker_error,
            destinations = EXCLUDED.destinations
        """
    )

    private static let remove = PostgresStatement(
        "relays.remove", "DELETE FROM skillrelay.relays WHERE instance = $1")
}
