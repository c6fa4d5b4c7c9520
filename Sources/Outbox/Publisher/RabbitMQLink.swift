import Foundation
import Logging
import Postgres
import RabbitMQ
import Synchronization

/// One RabbitMQ connection as the outbox uses it: proves it with a canary, asks before it publishes to an exchange it does not know,
/// and finds the event that closed a channel.
actor RabbitMQLink {
    private let connection: RabbitMQConnection
    private let ownExchanges: [String]
    /// From the begin of a batch; what is not sent by then waits for the next. The claim's transaction is open meanwhile.
    private let sendingLimit: Duration
    private let logger: Logger
    private let turns = PublishTurns()
    /// Exchanges seen to exist on this connection.
    private var knownExchanges: Set<String> = []
    private nonisolated let proof = Atomic(false)
    /// A confirm was asked for.
    private(set) var isTried = false

    init(connection: RabbitMQConnection, ownExchanges: [String], sendingLimit: Duration, logger: Logger) {
        self.connection = connection
        self.ownExchanges = ownExchanges
        self.sendingLimit = sendingLimit
        self.logger = logger
    }

    /// The canary was confirmed.
    nonisolated var isProven: Bool { self.proof.load(ordering: .acquiring) }

    nonisolated var blockedReason: String? { self.connection.blockedReason }

    nonisolated var isReady: Bool {
        self.connection.isOpen && self.blockedReason == nil && !self.connection.hasLateConfirms
    }

    nonisolated func takeLateDeliveries() -> [UUID] {
        self.connection.takeLateConfirms().compactMap(UUID.init(uuidString:))
    }

    func declareOwnExchanges() async {
        for exchange in self.ownExchanges {
            await self.declare(exchange)
        }
    }

    private func declare(_ exchange: String) async {
        do {
            try await self.connection.declareExchange(exchange, type: "direct", durable: true)
            self.knownExchanges.insert(exchange)
        } catch {
            // One that exists in another form still takes messages: publishing tells.
            self.logger.warning("Exchange cannot be declared", error: error, metadata: ["exchange.name": "\(exchange)"])
        }
    }

    /// One outcome an event, in order. A probe has the channel for itself, so that nobody suffers with it.
    func publish(_ events: [ClaimedEvent], asProbe: Bool) async -> [DeliveryOutcome] {
        var outcomes = [DeliveryOutcome](
            repeating: .unsent("the batch ended before it was sent"), count: events.count)
        let deadline = ContinuousClock.now + self.sendingLimit
        self.isTried = true
        let pending = await self.routable(events, &outcomes, until: deadline)
        // One that was refused before may close the channel again: it goes last and alone.
        let suspects = pending.filter { asProbe || events[$0].attempts > 0 }
        let innocent = pending.filter { !asProbe && events[$0].attempts == 0 }
        guard let undecided = await self.publish(innocent: innocent, of: events, into: &outcomes, until: deadline),
            !undecided.isEmpty || !suspects.isEmpty
        else { return outcomes }
        // One message's outcome is its own doing only when nothing else is in flight.
        await self.turns.take(.alone, until: deadline) {
            await self.publishEach(undecided, of: events, into: &outcomes, until: deadline)
            await self.publishEach(suspects, of: events, into: &outcomes, until: deadline)
        }
        return outcomes
    }

    /// Publishes in one window, after a canary if the connection is not proven.
    ///
    /// - Returns: which have no definite outcome: a closed channel takes the outcomes of its whole window along, the guilty and the innocent;
    ///   sent one at a time, each gets its own. Nil when the broker did not answer, or the turn did not come in time.
    private func publish(
        innocent: [Int],
        of events: [ClaimedEvent],
        into outcomes: inout [DeliveryOutcome],
        until deadline: ContinuousClock.Instant
    ) async -> [Int]? {
        guard !innocent.isEmpty else { return [] }
        var innocent = innocent
        if !self.isProven {
            let isProven = await self.turns.take(.alone, until: deadline) {
                await self.prove(with: &innocent, of: events, into: &outcomes, until: deadline)
            }
            guard isProven == true else { return nil }
        }
        let isDecided = await self.turns.take(.together, until: deadline) {
            await self.publish(innocent, of: events, into: &outcomes, until: deadline, alone: false)
        }
        return isDecided.map { $0 ? [] : innocent.filter { !outcomes[$0].isDefinite } }
    }

    /// Sends canaries until one is confirmed and routed, or none is left: a broker under an alarm accepts connections, and stores what
    /// they sent long after they are gone. One message is at risk on each reconnect, not a window full; best one that was before, because it
    /// may be what the last connection ended for, and a copy of it is marked.
    ///
    /// - Returns: false when the broker did not answer.
    private func prove(
        with innocent: inout [Int],
        of events: [ClaimedEvent],
        into outcomes: inout [DeliveryOutcome],
        until deadline: ContinuousClock.Instant
    ) async -> Bool {
        while !self.isProven, let canary = innocent.first(where: { events[$0].maybeSent }) ?? innocent.first {
            guard await self.publish([canary], of: events, into: &outcomes, until: deadline, alone: true) else {
                return false
            }
            innocent.removeAll { $0 == canary }
            guard case .destinationFault = outcomes[canary] else { continue }
            innocent.removeAll { events[$0].destination == events[canary].destination }
        }
        return true
    }

    /// The events whose exchange exists, by index. Publishing to a missing one would close the channel and leave the whole window unknown.
    private func routable(
        _ events: [ClaimedEvent],
        _ outcomes: inout [DeliveryOutcome],
        until deadline: ContinuousClock.Instant
    ) async -> [Int] {
        var refusals: [String: DeliveryOutcome] = [:]
        // The default exchange always exists, and may not be asked for (AMQP 0-9-1 §3.1.3.1).
        for exchange in Set(events.map(\.exchange)).subtracting(self.knownExchanges) where !exchange.isEmpty {
            if self.ownExchanges.contains(exchange), ContinuousClock.now < deadline { await self.declare(exchange) }
            guard !self.knownExchanges.contains(exchange) else { continue }
            guard ContinuousClock.now < deadline else {
                refusals[exchange] = .unsent("its exchange was not asked for in time")
                continue
            }
            do {
                try await self.connection.declareExchange(exchange, passive: true)
                self.knownExchanges.insert(exchange)
            } catch {
                refusals[exchange] = DeliveryOutcome(unavailableExchange: error)
            }
        }
        return events.indices.filter { index in
            guard let refusal = refusals[events[index].exchange] else { return true }
            outcomes[index] = refusal
            return false
        }
    }

    /// Publishes the events at `indices` in one window, if it is not too late to begin; false when some of them have no definite outcome.
    /// `alone`: it is one, in a turn of its own.
    private func publish(
        _ indices: [Int],
        of events: [ClaimedEvent],
        into outcomes: inout [DeliveryOutcome],
        until deadline: ContinuousClock.Instant,
        alone: Bool
    ) async -> Bool {
        guard !indices.isEmpty else { return true }
        guard ContinuousClock.now < deadline else { return false }
        let messages = indices.map { index in
            RabbitMQMessage(
                event: events[index],
                possibleDuplicate: events[index].maybeSent || outcomes[index].isUnknown
            )
        }
        let answers = await self.connection.publish(messages)
        for (index, answer) in zip(indices, answers) {
            outcomes[index] = DeliveryOutcome(answer, wasAlone: alone).following(outcomes[index])
            if answer.isConfirm { self.proof.store(true, ordering: .releasing) }
            if answer.hasClosedChannel { self.knownExchanges.remove(events[index].exchange) }
        }
        return indices.allSatisfy { outcomes[$0].isDefinite }
    }

    /// Publishes one at a time, and no further one to a destination that fails.
    private func publishEach(
        _ indices: [Int],
        of events: [ClaimedEvent],
        into outcomes: inout [DeliveryOutcome],
        until deadline: ContinuousClock.Instant
    ) async {
        var failing: Set<Destination> = []
        for index in indices where !failing.contains(events[index].destination) {
            // Not while confirms may still come: those events would go out twice.
            guard self.isReady else { return }
            _ = await self.publish([index], of: events, into: &outcomes, until: deadline, alone: true)
            if case .destinationFault = outcomes[index] { failing.insert(events[index].destination) }
        }
    }
}

extension DeliveryOutcome {
    /// For the events of an exchange that could not be asked for. A closed channel is the answer that there is none; a closed connection says
    /// nothing of it, even with a code.
    init(unavailableExchange error: RabbitMQError) {
        self = error.code == .channelClosed ? .destinationFault("\(error)") : .unsent("\(error)")
    }

    /// `wasAlone`: only this message was in flight, so what closed the channel was its own doing.
    init(_ outcome: PublishOutcome, wasAlone: Bool) {
        switch outcome {
        case .routed: self = .delivered
        case .returned(let code, let text): self = .destinationFault("returned: \(code.rawValue) \(text)")
        // Another queue of a fan-out may have taken it.
        case .nacked: self = .destinationFault("refused by the queue (basic.nack)", maybeSent: true)
        case .rejected(let error): self = .eventFault("\(error)")
        case .unsent(let error): self = .unsent("\(error)")
        case .unknown(let error):
            switch error.replyCode {
            // 406: larger than the broker's max_message_size, or a property it does not take.
            case .preconditionFailed where wasAlone && error.code == .channelClosed: self = .eventFault("\(error)")
            case .some where wasAlone && error.code == .channelClosed: self = .destinationFault("\(error)")
            // The connection is open and takes messages: this destination's confirm does not come. Others may be better off.
            case nil where wasAlone && error.code == .timeout: self = .destinationFault("\(error)", maybeSent: true)
            default: self = .unknown("\(error)")
            }
        }
    }
}

extension PublishOutcome {
    /// The broker has answered for this message by itself.
    fileprivate var isConfirm: Bool {
        switch self {
        case .routed, .returned, .nacked: true
        case .rejected, .unknown, .unsent: false
        }
    }

    /// Its exchange may be what the broker closed the channel for.
    fileprivate var hasClosedChannel: Bool {
        if case .unknown(let error) = self { error.code == .channelClosed } else { false }
    }
}
