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
    private let log: RelayLog
    private let metrics = RelayMetrics()
    private let signal = WakeSignal()
    /// Woken when events that were queued again have been settled: there is room for more.
    let replaySignal = WakeSignal()
    private let isStopping = Atomic(false)
    private let memory: Mutex<RelayMemory>
    /// Wakes the lanes beside the first.
    private let helpers: [WakeSignal]

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
        self.log = RelayLog(logger: logger)
        self.helpers = (1..<max(1, configuration.lanes)).map { _ in WakeSignal() }
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

    /// The destinations that fail and wait for a probe.
    var failingDestinations: [DestinationPauses.Failing] { self.memory.withLock { $0.planner.pauses.failing } }

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

    private struct Lane {
        var connection: PostgresConnection?
        var failures = 0
        var lastFailure: String?

        mutating func worked() {
            self.failures = 0
            self.lastFailure = nil
        }
    }

    private func relay() async {
        var first = Lane()
        await withDiscardingTaskGroup { group in
            // The other lanes work when the first has more than it can do.
            for calls in self.helpers { group.addTask { await self.help(at: calls) } }
            await self.lead(&first)
            for calls in self.helpers { calls.wake() }
        }
        // Now no lane adds to it.
        if !Task.isCancelled { await self.settleOwed(&first) }
        PausePoint.beforeShutdown.reach()
        await first.connection?.close()
    }

    /// The first lane: polls, writes what is owed, asks failing destinations.
    private func lead(_ lane: inout Lane) async {
        while self.isRunning {
            let pause: Duration?
            do {
                pause = try await self.turn(&lane)
                // While the broker is away the database is not asked: then there is no connection.
                if lane.failures > 0, lane.connection != nil {
                    self.logger.notice("Relay is back")
                    lane.worked()
                }
            } catch {
                pause = await self.failed(error, &lane)
            }
            if let pause { await self.signal.wait(upTo: pause) }
        }
    }

    /// Another lane: one batch after the other, as long as there are more.
    private func help(at calls: WakeSignal) async {
        var lane = Lane()
        while self.isRunning {
            await calls.wait()
            do {
                while self.isRunning, self.mayHelp, try await self.batch(&lane) == .more {}
                if lane.connection != nil { lane.worked() }
            } catch {
                let end = await ContinuousClock.now + self.failed(error, &lane)
                // The first lane calls with each full batch; that does not make the database come back sooner.
                while self.isRunning, ContinuousClock.now < end { await calls.wait(upTo: end - ContinuousClock.now) }
            }
        }
        await lane.connection?.close()
    }

    private var isRunning: Bool { !self.isStopping.load(ordering: .acquiring) && !Task.isCancelled }

    /// Not before what is owed is written: the first lane does.
    private var mayHelp: Bool {
        self.publisher.isReady && self.publisher.takesSeveral && self.memory.withLock { $0.owed.isEmpty }
    }

    /// How long to wait when there is nothing to do: the poll, or until a paused destination, a sweep or a broker that is back could be served.
    private func pause(sweeps: Bool) -> Duration {
        let (nextDue, nextSweep) = self.memory.withLock { ($0.nextDue, $0.floor.due) }
        let now = ContinuousClock.now
        // One that is overdue was asked in vain, or could not be: again, but not in a loop.
        let untilDue = nextDue.map { $0 > now ? $0 - now : Self.readinessInterval }
        let untilSweep = sweeps ? nextSweep.map { max(.zero, $0 - now) } : nil
        let untilReady = self.publisher.isReady ? nil : Self.readinessInterval
        return [untilDue, untilSweep, untilReady].compactMap(\.self).reduce(self.configuration.pollInterval, min)
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
        let owed = self.memory.withLock { $0.owed.count }
        self.log.failed(error, failures: lane.failures, delay: delay, owed: owed, isNew: isNew)
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
            self.log.stayOwed(error, count: self.memory.withLock { $0.owed.count })
        }
    }

    // MARK: Batches

    private func connection(_ lane: inout Lane) async throws -> PostgresConnection {
        if let connection = lane.connection { return connection }
        let connection = try await PostgresConnection.connect(self.database, logger: self.logger)
        lane.connection = connection
        return connection
    }

    /// First what is owed, then one event for the failing destination whose turn it is, then one batch for those that work.
    ///
    /// - Returns: how long to wait; nil when there may be more to do.
    private func turn(_ lane: inout Lane) async throws -> Duration? {
        try await self.writeOwed(&lane)
        let isOverloaded = self.memory.withLock { $0.owed.count > self.configuration.batchSize }
        guard self.publisher.isReady, !isOverloaded else { return self.pause(sweeps: false) }
        // One in a turn: hundreds that fail do not hold up the others.
        let isAnswered = try await self.probe(&lane)
        guard self.publisher.isReady, self.isRunning else { return self.pause(sweeps: false) }
        let batch = try await self.batch(&lane)
        let isNextDue = self.memory.withLock { $0.due(.now) != nil }
        return batch == .more || isAnswered && isNextDue ? nil : self.pause(sweeps: batch == .done)
    }

    /// Asks the destination that is due with its first event.
    ///
    /// - Returns: false if none is due, or if there was no answer.
    private func probe(_ lane: inout Lane) async throws -> Bool {
        guard let (destination, place) = self.memory.withLock({ $0.due(.now) }) else { return false }
        // Its events may be anywhere after that; a place not too far is looked at in one turn.
        let range = ClaimRange(after: place, through: place + ClaimFloor.widest)
        let claim = try await Claim.take(
            .only(destination), in: range, limit: 1, bytes: self.configuration.batchBytes,
            on: self.connection(&lane)
        )
        self.parked(claim.orphans)
        self.found(claim.held)
        guard let event = claim.events.first else {
            guard !claim.held.contains(destination) else { return false }
            self.memory.withLock { $0.planner.sought(destination, claim.reach, in: range) }
            return true
        }
        self.memory.withLock { $0.planner.found(event) }
        return try await self.deliver(claim, asProbe: true)
    }

    private enum Batch {
        /// Nothing more is to be found where it looked.
        case done
        case more
        /// A broker that went away is not asked in a loop; nor is the database while everything is paused.
        case vain
    }

    private func found(_ held: HeldDestinations) {
        guard let change = self.memory.withLock({ $0.found(held, at: .now) }) else { return }
        self.log.changed(change)
    }

    /// One batch for the destinations that work.
    private func batch(_ lane: inout Lane) async throws -> Batch {
        let connection = try await self.connection(&lane)
        let begin = ContinuousClock.now
        let (look, paused) = self.memory.withLock { ($0.floor.next(at: begin), $0.planner.pauses.paused) }
        let claim: Claim
        do {
            claim = try await Claim.take(
                .allBut(paused), in: look.range, limit: self.configuration.batchSize,
                bytes: self.configuration.batchBytes, on: connection
            )
        } catch {
            let end = ContinuousClock.now
            self.metrics.claimFailed(in: end - begin)
            self.memory.withLock { $0.floor.failed(look, took: end - begin, at: end) }
            throw error
        }
        let end = ContinuousClock.now
        self.metrics.claimed(claim.events.count, in: end - begin)
        self.parked(claim.orphans)
        self.found(claim.held)
        guard !claim.held.isEverything else {
            self.memory.withLock { $0.floor.refused(look) }
            return .vain
        }
        let reach = claim.reach
        let mayBeMore = self.memory.withLock { $0.floor.ended(look, reach, took: end - begin, at: end) }
        if !claim.events.isEmpty, try await !self.deliver(claim, asProbe: false) { return .vain }
        return mayBeMore ? .more : .done
    }

    private func parked(_ orphans: [Settlement.Dead]) {
        self.metrics.parked(orphans)
        self.log.parked(orphans)
    }

    /// Publishes what was claimed and settles it.
    ///
    /// - Returns: false when the broker has decided on none of it.
    private func deliver(_ claim: consuming Claim, asProbe: Bool) async throws -> Bool {
        PausePoint.claimDone.reach()
        let events = claim.events
        let assignments = self.memory.withLock { $0.begin(events) }
        defer { self.memory.withLock { $0.end(assignments) } }
        if claim.reach.isFull, !asProbe, self.mayHelp { for calls in self.helpers { calls.wake() } }
        let outcomes = await self.publish(assignments, asProbe: asProbe)
        PausePoint.beforeMark.reach()
        let isCut = claim.reach.isCut
        let settlement = self.memory.withLock { memory in
            memory.planner.plan(events.map(memory.owed.marked), outcomes, now: .now)
        }
        do {
            let confirmedAt = try await claim.settle(settlement)
            self.metrics.settled(settlement, confirmedAt: confirmedAt)
        } catch {
            // Perhaps it was committed and only the reply is lost; writing it again tells.
            self.memory.withLock { $0.owed.add(settlement) }
            throw error
        }
        PausePoint.afterCommit.reach()
        self.memory.withLock { $0.recall(events, outcomes, settlement, isCut: isCut, at: .now) }
        self.log.settled(settlement)
        if events.contains(where: { $0.replayID != nil }) { self.replaySignal.wake() }
        return outcomes.contains(where: \.isDefinite)
    }

    private func publish(_ assignments: [RelayMemory.Assignment], asProbe: Bool) async -> [DeliveryOutcome] {
        let fresh = assignments.compactMap { if case .publish(let event) = $0 { event } else { nil } }
        let begin = ContinuousClock.now
        var answers = fresh.isEmpty ? [] : await self.publisher.publish(fresh, asProbe: asProbe)[...]
        self.metrics.published(answers, in: ContinuousClock.now - begin)
        return assignments.map { assignment in
            switch assignment {
            case .publish: answers.removeFirst()
            case .complete: .delivered
            case .leave: .unsent("under way in another lane")
            }
        }
    }
}
