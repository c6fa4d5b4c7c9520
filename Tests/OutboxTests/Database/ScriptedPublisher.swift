import Foundation
import Synchronization

@testable import Outbox

/// Answers the relay in the broker's place, by a script; remembers what it was given.
final class ScriptedPublisher: EventPublisher {
    private struct State {
        var isReady = true
        var published: [ClaimedEvent] = []
        var questions = 0
        var lateDeliveries: [UUID] = []
    }

    private let state = Mutex(State())
    private let script: @Sendable (ClaimedEvent) -> DeliveryOutcome
    private let staysReady: Bool
    private let beforeAnswer: @Sendable () async -> Void

    /// `staysReady` false: it is blocked by what is published first.
    init(
        script: @escaping @Sendable (ClaimedEvent) -> DeliveryOutcome = { _ in .delivered },
        staysReady: Bool = true,
        beforeAnswer: @escaping @Sendable () async -> Void = {}
    ) {
        self.staysReady = staysReady
        self.beforeAnswer = beforeAnswer
        self.script = script
    }

    var isReady: Bool {
        get {
            self.state.withLock { state in
                state.questions += 1
                return state.isReady
            }
        }
        set { self.state.withLock { $0.isReady = newValue } }
    }

    var takesSeveral: Bool { true }
    var condition: BrokerCondition { BrokerCondition(self.state.withLock { $0.isReady } ? .connected : .blocked) }

    /// How often the relay has asked whether it may claim.
    var questions: Int { self.state.withLock { $0.questions } }

    /// Everything handed over so far, repeats included.
    var published: [ClaimedEvent] { self.state.withLock { $0.published } }

    /// The broker confirms what was unknown.
    func confirmLate(_ ids: [UUID]) { self.state.withLock { $0.lateDeliveries += ids } }

    func takeLateDeliveries() -> [UUID] {
        self.state.withLock { state in
            defer { state.lateDeliveries = [] }
            return state.lateDeliveries
        }
    }

    func publish(_ events: [ClaimedEvent], asProbe: Bool) async -> [DeliveryOutcome] {
        self.state.withLock { state in
            state.published += events
            if !self.staysReady { state.isReady = false }
        }
        await self.beforeAnswer()
        return events.map(self.script)
    }
}

/// Holds tasks back until it is opened.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = self.state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiters = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        waiters.forEach { $0.resume() }
    }
}
