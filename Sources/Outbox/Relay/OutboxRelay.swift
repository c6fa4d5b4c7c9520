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
    private let memory: Mutex<RelayMemory>
    /// Wakes the lanes beside the first.
    private let helpers = Mutex<[WakeSignal]>([])

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
        self.memory = Mutex(
            RelayMemory(
                planner: SettlementPlanner(
                    maxAttempts: configuration.maxAttempts,
                    retryPolicy: configuration.retryPolicy
                )
            )
        )
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

    // MARK: Lanes

    private func relay() async {
        await withDiscardingTaskGroup { group in
            // The other lanes work when the first has more than it can do.
            for _ in 1..<max(2, self.configuration.lanes) where self.configuration.lanes > 1 {
                let calls = WakeSignal()
                self.helpers.withLock { $0.append(calls) }
                group.addTask { await self.help(at: calls) }
            }
            await self.lead()
            for calls in self.helpers.withLock({ $0 }) { calls.wake() }
        }
    }

    /// The first lane: polls, writes what is owed, asks failing destinations.
    private func lead() async {
        var lane = Lane()
        while self.isRunning {
            let pause: Duration?
            do {
                pause = try await self.turn(&lane) ? nil : self.pause
                // While the broker is away the database is not asked: then there is no connection.
                if lane.failures > 0, lane.connection != nil {
                    self.logger.notice("Relay is back")
                    lane.failures = 0
                    lane.lastFailure = nil
                }
            } catch {
                pause = await self.failed(error, &lane)
            }
            if let pause { await self.signal.wait(upTo: pause) }
        }
        if !Task.isCancelled { await self.settleOwed(&lane) }
        PausePoint.beforeShutdown.reach()
        await lane.connection?.close()
    }

    /// Another lane: one batch after the other, as long as they are full.
    private func help(at calls: WakeSignal) async {
        var lane = Lane()
        while self.isRunning {
            await calls.wait()
            do {
                while self.isRunning, self.mayHelp,
                    try await self.batch(.allBut(self.memory.withLock { $0.planner.pauses.paused }), &lane) == .full
                {}
            } catch {
                // The first lane meets the same, and tells.
                self.logger.debug("Relay's lane failed", error: error)
                await lane.connection?.close()
                lane.connection = nil
            }
        }
        await lane.connection?.close()
    }

    private var isRunning: Bool { !self.isStopping.load(ordering: .acquiring) && !Task.isCancelled }

    /// Not before what is owed is written: the first lane does.
    private var mayHelp: Bool {
        self.publisher.isReady && self.publisher.takesSeveral && self.memory.withLock { $0.owed.isEmpty }
    }

    private struct Lane {
        var connection: PostgresConnection?
        var failures = 0
        var lastFailure: String?
    }

    /// How long to wait when there is nothing to do: the poll, or until a paused destination or a broker that is back could be served.
    private var pause: Duration {
        // One that is overdue was asked in vain, or could not be: again, but not in a loop.
        let untilDue = self.memory.withLock { $0.planner.pauses.nextDue }.map { due in
            let rest = ContinuousClock.now.duration(to: due)
            return rest > .zero ? rest : Self.readinessInterval
        }
        let untilReady = self.publisher.isReady ? nil : Self.readinessInterval
        return [untilDue, untilReady].compactMap(\.self).reduce(self.configuration.pollInterval, min)
    }

    /// Asking costs no more than a lock.
    private static let readinessInterval = Duration.milliseconds(250)

    private func failed(_ error: any Error, _ lane: inout Lane) async -> Duration {
        await lane.connection?.close()
        lane.connection = nil
        lane.failures += 1
        let delay = self.configuration.retryPolicy.delay(afterFailures: lane.failures)
        // An outage is told once, not with each attempt.
        let isNew = lane.lastFailure != "\(error)"
        lane.lastFailure = "\(error)"
        self.logger.log(
            level: isNew ? .warning : .debug,
            "Relay failed, trying again",
            error: error,
            metadata: [
                Keys.failures: "\(lane.failures)", Keys.delay: "\(delay)",
                Keys.owed: "\(self.memory.withLock { $0.owed.count })",
            ]
        )
        return delay
    }

    // MARK: What is owed

    /// Writes what the broker has confirmed and the database does not know.
    private func writeOwed(_ lane: inout Lane) async throws {
        let late = self.publisher.takeLateDeliveries()
        let owed = self.memory.withLock { memory in
            memory.owed.add(delivered: late)
            return memory.owed
        }
        guard !owed.isEmpty else { return }
        let pending = try await owed.write(on: self.connection(&lane))
        self.memory.withLock { $0.owed.settled(owed, stillPending: pending) }
    }

    /// The last chance to write what is owed: what is not written goes out again.
    private func settleOwed(_ lane: inout Lane) async {
        do {
            try await self.writeOwed(&lane)
        } catch {
            self.logger.warning(
                "Confirmed events stay pending, and go out again",
                error: error,
                metadata: [Keys.owed: "\(self.memory.withLock { $0.owed.count })"]
            )
        }
    }

    // MARK: Batches

    private func connection(_ lane: inout Lane) async throws -> PostgresConnection {
        if let connection = lane.connection { return connection }
        let connection = try await PostgresConnection.connect(self.database, logger: self.logger)
        lane.connection = connection
        return connection
    }

    /// First what is owed; then one batch for the destinations that work, and one event for each that may be asked again. True when there
    /// may be more to do.
    private func turn(_ lane: inout Lane) async throws -> Bool {
        try await self.writeOwed(&lane)
        let (isOverloaded, paused) = self.memory.withLock { memory in
            (memory.owed.count > self.configuration.batchSize, memory.planner.pauses.paused)
        }
        guard self.publisher.isReady, !isOverloaded else { return false }
        var isBusy = try await self.batch(.allBut(paused), &lane) == .full
        let due = self.memory.withLock { $0.planner.pauses.due(.now) }
        for destination in due where !self.isStopping.load(ordering: .acquiring) {
            guard self.publisher.isReady else { return false }
            switch try await self.batch(.only(destination), limit: 1, &lane) {
            case .none: self.memory.withLock { $0.planner.forget(destination) }
            case .partial: break
            case .full: isBusy = true
            }
        }
        return isBusy
    }

    private enum Batch {
        case none
        /// Nothing is left behind it. Or it was in vain: a broker that went away, or a destination that fails, is not asked in a loop.
        case partial
        /// There may be more behind it.
        case full
    }

    private func batch(_ scope: Claim.Scope, limit: Int? = nil, _ lane: inout Lane) async throws -> Batch {
        guard let claim = try await self.claim(scope, limit: limit ?? self.configuration.batchSize, &lane) else {
            return .none
        }
        PausePoint.claimDone.reach()
        let isFull = claim.isFull
        let assignments = self.memory.withLock { $0.begin(claim.events) }
        defer { self.memory.withLock { $0.end(assignments) } }
        if isFull, limit == nil, self.mayHelp { for calls in self.helpers.withLock({ $0 }) { calls.wake() } }
        let outcomes = await self.publish(assignments)
        PausePoint.beforeMark.reach()
        let settlement = self.memory.withLock { memory in
            memory.planner.plan(claim.events.map(memory.owed.marked), outcomes, now: .now)
        }
        do {
            try await claim.settle(settlement)
        } catch {
            // Perhaps it was committed and only the reply is lost; writing it again tells.
            self.memory.withLock { $0.owed.add(settlement) }
            throw error
        }
        PausePoint.afterCommit.reach()
        self.log(settlement)
        let isWorthGoingOn = !settlement.delivered.isEmpty || limit == nil && outcomes.contains(where: \.isDefinite)
        return isFull && isWorthGoingOn ? .full : .partial
    }

    private func claim(_ scope: Claim.Scope, limit: Int, _ lane: inout Lane) async throws -> Claim? {
        let connection = try await self.connection(&lane)
        // One destination's events may be anywhere.
        guard case .allBut = scope else {
            return try await Claim.take(
                scope, after: 0, limit: limit, bytes: self.configuration.batchBytes, on: connection
            )
        }
        let begin = ContinuousClock.now
        let start = self.memory.withLock { $0.floor.start(at: begin) }
        guard
            let claim = try await Claim.take(
                scope, after: start, limit: limit, bytes: self.configuration.batchBytes, on: connection
            )
        else {
            self.claimed(from: start, through: nil, isFull: false, since: begin)
            return nil
        }
        self.claimed(from: start, through: claim.events.last?.sequence, isFull: claim.isFull, since: begin)
        return claim
    }

    private func claimed(from start: Int64, through last: Int64?, isFull: Bool, since begin: ContinuousClock.Instant) {
        let end = ContinuousClock.now
        self.memory.withLock {
            $0.floor.claimed(from: start, through: last, isFull: isFull, took: end - begin, at: end)
        }
    }

    private func publish(_ assignments: [RelayMemory.Assignment]) async -> [DeliveryOutcome] {
        let fresh = assignments.compactMap { if case .publish(let event) = $0 { event } else { nil } }
        var answers = fresh.isEmpty ? [] : await self.publisher.publish(fresh)[...]
        return assignments.map { assignment in
            switch assignment {
            case .publish: answers.removeFirst()
            case .complete: .delivered
            case .leave: .unsent("under way in another lane")
            }
        }
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
