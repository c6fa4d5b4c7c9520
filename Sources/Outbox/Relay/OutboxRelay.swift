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

    /// What the relay knows beside the database, and its connection.
    private struct State {
        var connection: PostgresConnection?
        var planner: SettlementPlanner
        var owed = OwedEvents()
        var failures = 0
        var lastFailure: String?
    }

    private func relay() async {
        var state = State(
            planner: SettlementPlanner(
                maxAttempts: self.configuration.maxAttempts,
                retryPolicy: self.configuration.retryPolicy
            )
        )
        while !self.isStopping.load(ordering: .acquiring), !Task.isCancelled {
            let pause: Duration?
            do {
                pause = try await self.turn(&state) ? nil : self.pause(state)
                if state.failures > 0 { self.logger.notice("Relay is back") }
                state.failures = 0
                state.lastFailure = nil
            } catch {
                pause = await self.failed(error, &state)
            }
            if let pause { await self.signal.wait(upTo: pause) }
        }
        if !Task.isCancelled { await self.settleOwed(&state) }
        PausePoint.beforeShutdown.reach()
        await state.connection?.close()
    }

    /// How long to wait when there is nothing to do: the poll, or until a paused destination or a broker that is back could be served.
    private func pause(_ state: State) -> Duration {
        let untilDue = state.planner.pauses.nextDue.map { max(.zero, ContinuousClock.now.duration(to: $0)) }
        let untilReady = self.publisher.isReady ? nil : Self.readinessInterval
        return [untilDue, untilReady].compactMap(\.self).reduce(self.configuration.pollInterval, min)
    }

    /// Asking costs no more than a lock.
    private static let readinessInterval = Duration.milliseconds(250)

    private func failed(_ error: any Error, _ state: inout State) async -> Duration {
        await state.connection?.close()
        state.connection = nil
        state.failures += 1
        let delay = self.configuration.retryPolicy.delay(afterFailures: state.failures)
        // An outage is told once, not with each attempt.
        let isNew = state.lastFailure != "\(error)"
        state.lastFailure = "\(error)"
        self.logger.log(
            level: isNew ? .warning : .debug,
            "Relay failed, trying again",
            error: error,
            metadata: [
                Keys.failures: "\(state.failures)", Keys.delay: "\(delay)", Keys.owed: "\(state.owed.count)",
            ]
        )
        return delay
    }

    /// The last chance to write what is owed: what is not written goes out again.
    private func settleOwed(_ state: inout State) async {
        state.owed.add(delivered: self.publisher.takeLateDeliveries())
        guard !state.owed.isEmpty else { return }
        do {
            try await state.owed.write(on: self.connection(&state))
        } catch {
            self.logger.warning(
                "Confirmed events stay pending, and go out again",
                error: error,
                metadata: [Keys.owed: "\(state.owed.count)"]
            )
        }
    }

    private func connection(_ state: inout State) async throws -> PostgresConnection {
        if let connection = state.connection { return connection }
        let connection = try await PostgresConnection.connect(self.database, logger: self.logger)
        state.connection = connection
        return connection
    }

    /// First what is owed; then one batch for the destinations that work, and one event for each that may be asked again. True when there
    /// may be more to do.
    private func turn(_ state: inout State) async throws -> Bool {
        state.owed.add(delivered: self.publisher.takeLateDeliveries())
        if !state.owed.isEmpty { try await state.owed.write(on: self.connection(&state)) }
        guard self.publisher.isReady, state.owed.count <= self.configuration.batchSize else { return false }
        var isBusy = try await self.batch(.allBut(state.planner.pauses.paused), &state) == .full
        for destination in state.planner.pauses.due(.now) where !self.isStopping.load(ordering: .acquiring) {
            guard self.publisher.isReady else { return false }
            switch try await self.batch(.only(destination), limit: 1, &state) {
            case .none: state.planner.forget(destination)
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

    private func batch(_ scope: Claim.Scope, limit: Int? = nil, _ state: inout State) async throws -> Batch {
        let limit = limit ?? self.configuration.batchSize
        let connection = try await self.connection(&state)
        let claim = try await Claim.take(scope, limit: limit, bytes: self.configuration.batchBytes, on: connection)
        guard let claim else { return .none }
        let events = claim.events.map(state.owed.marked)
        PausePoint.claimDone.reach()
        let outcomes = await self.publish(events, owed: state.owed)
        PausePoint.beforeMark.reach()
        state.owed.claimed(events)
        let settlement = state.planner.plan(events, outcomes, now: .now)
        do {
            try await claim.settle(settlement)
        } catch {
            // Perhaps it was committed and only the reply is lost; writing it again tells.
            state.owed.add(settlement)
            throw error
        }
        PausePoint.afterCommit.reach()
        self.log(settlement)
        if !settlement.delivered.isEmpty { return .full }
        return limit > 1 && events.count == limit && outcomes.contains(where: \.isDefinite) ? .full : .partial
    }

    /// What is owed as delivered is not published again.
    private func publish(_ events: [ClaimedEvent], owed: OwedEvents) async -> [DeliveryOutcome] {
        let fresh = events.filter { !owed.isDelivered($0) }
        guard fresh.count < events.count else { return await self.publisher.publish(events) }
        var answers = fresh.isEmpty ? [] : await self.publisher.publish(fresh)[...]
        return events.map { owed.isDelivered($0) ? .delivered : answers.removeFirst() }
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
                    Keys.event: "\(dead.id.lowercased)", Keys.attempts: "\(dead.attempts)",
                    Keys.reason: "\(dead.error)",
                ]
            )
        }
    }

    private enum Keys {
        static let failures = "relay.failures"
        static let delay = "relay.delay"
        static let owed = "relay.owed"
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
