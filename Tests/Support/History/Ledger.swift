import Synchronization

/// Takes down what happens in a run, from many tasks at once.
package final class Ledger: Sendable {
    private let start = ContinuousClock.now
    private let recorded = Mutex(History())

    package init() {}

    /// How long the run has lasted: the clock of its history.
    package var now: Duration { ContinuousClock.now - self.start }

    package var history: History { self.recorded.withLock { $0 } }

    /// Notes a request that is about to be sent.
    ///
    /// - Returns: its number, for its answer.
    package func sending(task: String, status: String, expectsEvent: Bool) -> Int {
        let request = Request(task: task, status: status, expectsEvent: expectsEvent, sentAt: self.now)
        return self.recorded.withLock { history in
            history.requests.append(request)
            return history.requests.count - 1
        }
    }

    package func answered(_ number: Int, _ answer: Request.Answer) {
        let now = self.now
        self.recorded.withLock { history in
            history.requests[number].answer = answer
            history.requests[number].answeredAt = now
        }
    }

    package func enqueued(_ ids: [String]) {
        self.recorded.withLock { $0.enqueued.formUnion(ids) }
    }

    package func received(_ arrival: Arrival) {
        self.recorded.withLock { $0.arrivals.append(arrival) }
    }

    /// Notes that a fault begins.
    ///
    /// - Returns: its number, for its end.
    package func injecting(_ fault: String, duplicatesAllowed: Int, recoveryBudget: Duration) -> Int {
        let incident = Incident(
            fault: fault, duplicatesAllowed: duplicatesAllowed, recoveryBudget: recoveryBudget, injectedAt: self.now
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

    /// Whether a request was sent and done, and a message arrived, after a moment.
    package func isAlive(after moment: Duration) -> Bool {
        self.recorded.withLock { history in
            (history.arrivals.last?.at ?? .zero) > moment
                && history.requests.suffix(64).contains { $0.sentAt > moment && $0.answer == .ok }
        }
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
