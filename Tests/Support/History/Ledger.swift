import Synchronization

/// Takes down what happens in a run, from many tasks at once.
package final class Ledger: Sendable {
    private let start = ContinuousClock.now
    private let recorded = Mutex(History())
    /// When each instance was last sent a request that it did.
    private let lastDone = Mutex<[Int: Duration]>([:])

    package init() {}

    /// How long the run has lasted: the clock of its history.
    package var now: Duration { ContinuousClock.now - self.start }

    package var history: History { self.recorded.withLock { $0 } }

    /// Notes a request that is about to be sent.
    ///
    /// - Returns: its number, for its answer.
    package func sending(task: String, status: String, expectsEvent: Bool, context: [String: String]) -> Int {
        let request = Request(
            task: task, status: status, expectsEvent: expectsEvent, context: context, sentAt: self.now
        )
        return self.recorded.withLock { history in
            history.requests.append(request)
            return history.requests.count - 1
        }
    }

    /// Notes an instance's answer to a request that was sent to it at a moment.
    package func answered(_ number: Int, _ answer: Request.Answer, by instance: Int, sentAt: Duration) {
        let now = self.now
        self.recorded.withLock { history in
            history.requests[number].answer = answer
            history.requests[number].answeredAt = now
        }
        if answer == .ok { self.lastDone.withLock { $0[instance] = max($0[instance] ?? .zero, sentAt) } }
    }

    /// Notes events that are about to be written, by their bodies.
    package func enqueueing(_ events: [String: Enqueued]) {
        self.recorded.withLock { $0.enqueued.merge(events) { $1 } }
    }

    /// Their commit was confirmed.
    package func enqueued(_ bodies: some Sequence<String>) {
        self.recorded.withLock { history in
            for body in bodies { history.enqueued[body]?.isCommitted = true }
        }
    }

    /// Notes that the broker may take these messages for unacknowledged ones, and deliver them once more.
    package func consumerLost(_ ids: some Sequence<String>) {
        self.recorded.withLock { history in
            for id in ids { history.unacknowledged[id, default: 0] += 1 }
        }
    }

    package func received(_ arrival: Arrival) {
        self.recorded.withLock { $0.arrivals.append(arrival) }
    }

    /// Notes that a fault begins.
    ///
    /// - Returns: its number, for its end.
    package func injecting(_ fault: String, duplicatesAllowed: Int, marksRepeats: Bool, recoveryBudget: Duration)
        -> Int
    {
        let incident = Incident(
            fault: fault, duplicatesAllowed: duplicatesAllowed, marksRepeats: marksRepeats,
            recoveryBudget: recoveryBudget, injectedAt: self.now
        )
        return self.recorded.withLock { history in
            history.incidents.append(incident)
            return history.incidents.count - 1
        }
    }

    package func healed(_ incident: Int) {
        let now = self.now
        self.recorded.withLock { $0.incidents[incident].healedAt = now }
    }

    package func recovered(_ incident: Int) {
        let now = self.now
        self.recorded.withLock { $0.incidents[incident].recoveredAt = now }
    }

    package func found(_ outbox: Outbox) {
        self.recorded.withLock { $0.outbox = outbox }
    }

    /// Whether after a moment each of so many instances was sent a request and did it, and a message arrived.
    package func isAlive(after moment: Duration, instances count: Int) -> Bool {
        self.recorded.withLock { ($0.arrivals.last?.at ?? .zero) > moment }
            && self.lastDone.withLock { done in (0..<count).allSatisfy { done[$0] ?? .zero > moment } }
    }

    /// Whether a message has arrived.
    package func hasReceived(_ id: String) -> Bool {
        self.recorded.withLock { history in history.arrivals.suffix(10_000).contains { $0.id == id } }
    }

    /// How many messages have arrived, and how many requests were done.
    package var counts: (arrivals: Int, accepted: Int) {
        self.recorded.withLock { history in
            (history.arrivals.count, history.requests.count { $0.answer == .ok })
        }
    }
}
