import Foundation
import Logging
import Postgres
import RabbitMQ
import ServiceLifecycle
import Support

@testable import Outbox

extension TestDatabase {
    /// Writes events as any other service would.
    func enqueue(_ count: Int = 1, exchange: String = "e", key: String = "k") async throws {
        _ = try await self.values(
            "SELECT skillrelay.enqueue($1, $2, convert_to(n::text, 'UTF8')) FROM generate_series(1, $3) AS n",
            [.text(exchange), .text(key), .int4(Int32(count))],
            as: UUID.self
        )
    }

    /// Writes events for CORE.
    func enqueueCore(_ count: Int, bytes: Int = 2) async throws {
        _ = try await self.values(
            "SELECT skillrelay.enqueue($1, $2, convert_to(repeat('x', $3), 'UTF8')) FROM generate_series(1, $4)",
            [
                .text(RabbitMQConnection.coreExchange), .text(RabbitMQConnection.coreRoutingKey), .int4(Int32(bytes)),
                .int4(Int32(count)),
            ],
            as: UUID.self
        )
    }

    func pendingCount() async throws -> Int {
        try await self.value("SELECT count(*) FROM skillrelay.outbox_pending")
    }

    /// Confirmed events, over all batches.
    func deliveredIDs() async throws -> [UUID] {
        try await self.values("SELECT unnest(ids) FROM skillrelay.outbox_deliveries")
    }

    func relay(
        _ publisher: any EventPublisher,
        idleInTransactionTimeout: Duration? = nil,
        _ change: (inout RelayConfiguration) -> Void = { _ in }
    ) throws -> OutboxRelay {
        var configuration = RelayConfiguration()
        configuration.pollInterval = .milliseconds(20)
        configuration.retryPolicy = RetryPolicy(base: .milliseconds(10), cap: .milliseconds(50))
        change(&configuration)
        var database = try PostgresConfiguration(connectionString: self.url)
        database.applicationName = "relay-under-test"
        if let idleInTransactionTimeout { database.idleInTransactionTimeout = idleInTransactionTimeout }
        return OutboxRelay(
            configuration: configuration, database: database, publisher: publisher, logger: Logger(label: "test")
        )
    }
}

/// Runs relays beside `body`, and ends them as a process would: by graceful shutdown.
func running<Result: Sendable>(
    _ services: any Service...,
    body: () async throws -> Result
) async throws -> Result {
    let group = ServiceGroup(services: services, logger: Logger(label: "test"))
    async let end: Void = group.run()
    do {
        let result = try await body()
        await group.triggerGracefulShutdown()
        try await end
        return result
    } catch {
        await group.triggerGracefulShutdown()
        try? await end  // the body's error says more
        throw error
    }
}
