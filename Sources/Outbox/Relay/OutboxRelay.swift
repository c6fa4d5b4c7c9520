import Foundation
package import Logging
package import Postgres
import ServiceLifecycle
import Synchronization

/// Moves committed events to the broker: claims a batch, publishes it, settles it, again and again.
///
/// Any number of relays work side by side on one database. While the broker is away nothing is claimed.
package final class OutboxRelay: Service {
    private let configuration: RelayConfiguration
    private let database: PostgresConfiguration
    private let publisher: any EventPublisher
    private let logger: Logger
    private let signal = WakeSignal()
    private let isStopping = Atomic(false)

    /// `database` is for a connection of the relay's own; its idle-in-transaction timeout must be longer than the publisher takes.
    package init(
        configuration: RelayConfiguration,
        database: PostgresConfiguration,
        publisher: any EventPublisher,
        logger: Logger
    ) {
        self.configuration = configuration
        self.database = database
        self.publisher = publisher
        self.logger = logger
    }

    /// An event was committed in this process: look at once. Costs no more than a lock.
    package func wake() {
        self.signal.wake()
    }

    /// Relays until graceful shutdown: then settles the batch in flight and returns. Cancellation abandons it, and its rows are free.
    package func run() async {
        await withGracefulShutdownHandler {
            await self.relay()
        } onGracefulShutdown: {
            self.isStopping.store(true, ordering: .releasing)
            self.signal.wake()
        }
    }

    private func relay() async {
        var planner = SettlementPlanner(
            maxAttempts: self.configuration.maxAttempts,
            retryPolicy: self.configuration.retryPolicy
        )
        var connection: PostgresConnection?
        var failures = 0
        while !self.isStopping.load(ordering: .acquiring), !Task.isCancelled {
            do {
                guard self.publisher.isReady else {
                    await self.signal.wait(upTo: self.configuration.pollInterval)
                    continue
                }
                let isBusy = try await self.turn(&connection, &planner)
                if failures > 0 { self.logger.notice("Relay is back") }
                failures = 0
                if !isBusy { await self.signal.wait(upTo: self.configuration.pollInterval) }
            } catch {
                await connection?.close()
                connection = nil
                failures += 1
                let delay = self.configuration.retryPolicy.delay(afterFailures: failures)
                self.logger.warning(
                    "Relay failed, trying again",
                    error: error,
                    metadata: [Keys.failures: "\(failures)", Keys.delay: "\(delay)"]
                )
                await self.signal.wait(upTo: delay)
            }
        }
        PausePoint.beforeShutdown.reach()
        await connection?.close()
    }

    /// One batch for the destinations that work, and one event for each that may be asked again; true when there may be more to do.
    private func turn(
        _ connection: inout PostgresConnection?,
        _ planner: inout SettlementPlanner
    ) async throws -> Bool {
        let open: PostgresConnection
        if let connection {
            open = connection
        } else {
            open = try await PostgresConnection.connect(self.database, logger: self.logger)
            connection = open
        }
        var isBusy = try await self.batch(.allBut(planner.pauses.paused), on: open, &planner) == .full
        for destination in planner.pauses.due(.now) where !self.isStopping.load(ordering: .acquiring) {
            switch try await self.batch(.only(destination), limit: 1, on: open, &planner) {
            case .none: planner.forget(destination)
            case .partial: break
            case .full: isBusy = true
            }
        }
        return isBusy
    }

    private enum Batch {
        case none
        /// A broker that went away, or a destination that fails, is not asked in a loop.
        case partial
        /// Something was delivered, or a full batch was answered: there may be more behind it.
        case full
    }

    private func batch(
        _ scope: Claim.Scope,
        limit: Int? = nil,
        on connection: PostgresConnection,
        _ planner: inout SettlementPlanner
    ) async throws -> Batch {
        let limit = limit ?? self.configuration.batchSize
        let claim = try await Claim.take(scope, limit: limit, bytes: self.configuration.batchBytes, on: connection)
        guard let claim else { return .none }
        let events = claim.events
        PausePoint.claimDone.reach()
        let outcomes = await self.publisher.publish(events)
        PausePoint.beforeMark.reach()
        let settlement = planner.plan(events, outcomes, now: .now)
        try await claim.settle(settlement)
        PausePoint.afterCommit.reach()
        self.log(settlement)
        if !settlement.delivered.isEmpty { return .full }
        return limit > 1 && events.count == limit && outcomes.contains(where: \.isDefinite) ? .full : .partial
    }

    private func log(_ settlement: Settlement) {
        self.logger.debug(
            "Batch settled",
            metadata: [
                Keys.delivered: "\(settlement.delivered.count)", Keys.retried: "\(settlement.retries.count)",
                Keys.dead: "\(settlement.dead.count)",
            ]
        )
        for (destination, reason) in settlement.failing {
            self.logger.warning(
                "Destination fails, its events wait",
                metadata: [
                    Keys.exchange: "\(destination.exchange)", Keys.routingKey: "\(destination.routingKey)",
                    Keys.reason: "\(reason)",
                ]
            )
        }
        for destination in settlement.recovered {
            self.logger.notice(
                "Destination is back",
                metadata: [
                    Keys.exchange: "\(destination.exchange)", Keys.routingKey: "\(destination.routingKey)",
                ]
            )
        }
        for dead in settlement.dead {
            self.logger.error(
                "Event parked as dead",
                metadata: [
                    Keys.event: "\(dead.id.uuidString.lowercased())", Keys.attempts: "\(dead.attempts)",
                    Keys.reason: "\(dead.error)",
                ]
            )
        }
    }

    private enum Keys {
        static let failures = "relay.failures"
        static let delay = "relay.delay"
        static let delivered = "batch.delivered"
        static let retried = "batch.retried"
        static let dead = "batch.dead"
        static let exchange = "destination.exchange"
        static let routingKey = "destination.routing_key"
        static let reason = "outbox.reason"
        static let event = "event.id"
        static let attempts = "event.attempts"
    }
}
