/// Compares what was promised with what happened. Pure: a history goes in, a verdict comes out.
package struct Checker {
    private let history: History
    private let arrivals: [String: [Arrival]]
    private var verdict = Verdict()

    /// Checks a run that has come to rest.
    package static func check(_ history: History) -> Verdict {
        var checker = Checker(history)
        checker.checkRequests()
        checker.checkEvents()
        checker.checkArrivals()
        checker.checkDuplicates()
        checker.checkRecovery()
        checker.verdict.violations.sort { $0.at < $1.at }
        return checker.verdict
    }

    private init(_ history: History) {
        self.history = history
        self.arrivals = Dictionary(grouping: history.arrivals, by: \.id)
        self.verdict.eventCount = history.outbox.events.count
        let moments = history.outbox.events.map(\.createdAt).sorted()
        self.verdict.incidents = history.incidents.map { incident in
            let first = moments.partitioningIndex { $0 >= incident.window.lowerBound }
            let end = moments.partitioningIndex { $0 > incident.window.upperBound }
            return Verdict.Finding(incident: incident, eventCount: end - first)
        }
    }

    private mutating func object(_ kind: Violation.Kind, _ subject: String, _ what: String, at moment: Duration) {
        self.verdict.violations.append(Violation(kind: kind, subject: subject, what: what, at: moment))
    }

    // MARK: Requests and events

    /// Each accepted change wrote exactly one event, each unknown one at most one, each refused one none.
    private mutating func checkRequests() {
        let events = Dictionary(grouping: self.history.outbox.events.filter { $0.task != nil }) { $0.task ?? "" }
        let requests = Dictionary(grouping: self.history.requests, by: \.task)
        for (task, requests) in requests {
            var least = 0
            var most = 0
            for request in requests {
                switch request.answer {
                case .ok:
                    self.verdict.acceptedCount += 1
                    if request.expectsEvent { (least, most) = (least + 1, most + 1) }
                case .unknown:
                    self.verdict.unknownCount += 1
                    if request.expectsEvent { most += 1 }
                case .refused: break
                }
            }
            let count = events[task]?.count ?? 0
            let moment = requests[0].sentAt
            if count < least {
                self.object(.lost, task, "\(least) changes accepted, \(count) events written", at: moment)
            } else if count > most {
                // A change that was refused or of another kind explains an event where none may be.
                let kind = most == 0 ? Violation.Kind.phantom : .doubledEvent
                self.object(kind, task, "\(count) events written, at most \(most) asked for", at: moment)
            }
        }
        for (task, events) in events {
            guard let asked = requests[task]?.filter(\.expectsEvent) else {
                self.object(.phantom, events[0].id, "nobody asked for its event", at: events[0].createdAt)
                continue
            }
            // Without a request that may write an event there is an objection already.
            for event in events where !asked.isEmpty && !asked.contains(where: { $0.context == event.headers }) {
                self.object(.phantom, event.id, "other headers than its request's", at: event.createdAt)
            }
        }
    }

    /// Each event is in one place, and what is said to be delivered was received.
    private mutating func checkEvents() {
        let outbox = self.history.outbox
        let delivered = Dictionary(outbox.delivered.map { ($0, 1) }, uniquingKeysWith: +)
        self.checkEnqueued()
        for event in outbox.events {
            let places = [
                outbox.pending.contains(event.id) ? "pending" : nil,
                outbox.dead.contains(event.id) ? "dead" : nil,
                delivered[event.id] == nil ? nil : "delivered",
            ].compactMap(\.self)
            switch places {
            case []: self.object(.lost, event.id, "neither pending nor delivered nor dead", at: event.createdAt)
            case ["delivered"]:
                if self.arrivals[event.id] == nil {
                    self.object(.lost, event.id, "said to be delivered, never received", at: event.createdAt)
                }
            case ["pending"]: self.object(.stuck, event.id, "still to be sent at the end", at: event.createdAt)
            default: self.object(.outOfPlace, event.id, places.joined(separator: " and "), at: event.createdAt)
            }
            if let times = delivered[event.id], times > 1 {
                self.object(.outOfPlace, event.id, "delivered \(times) times by the books", at: event.createdAt)
            }
        }
    }

    /// Each event that SQL was to write is there as it was asked for: once if its commit was confirmed, else at most once.
    private mutating func checkEnqueued() {
        let written = Dictionary(grouping: self.history.outbox.events.filter { $0.task == nil }, by: \.body)
        for (body, enqueued) in self.history.enqueued where enqueued.isCommitted && written[body] == nil {
            self.object(.lost, body, "its commit was confirmed, its event is not there", at: .zero)
        }
        for (body, events) in written {
            guard let enqueued = self.history.enqueued[body] else {
                self.object(.phantom, events[0].id, "nobody wrote its event", at: events[0].createdAt)
                continue
            }
            for event in events.dropFirst() {
                self.object(.doubledEvent, event.id, "enqueued once, written again", at: event.createdAt)
            }
            for event in events
            where (event.exchange, event.routingKey) != (enqueued.exchange, enqueued.routingKey)
                || event.headers != enqueued.headers
            {
                self.object(.phantom, event.id, "not the event that was enqueued", at: event.createdAt)
            }
        }
    }

    /// Each message is its event: the same body and headers, to the same destination.
    private mutating func checkArrivals() {
        let events = Dictionary(self.history.outbox.events.map { ($0.id, $0) }) { first, _ in first }
        for arrival in self.history.arrivals {
            guard let event = events[arrival.id] else {
                self.object(.phantom, arrival.id, "a message without an event", at: arrival.at)
                continue
            }
            if arrival.body != event.body {
                self.object(.phantom, arrival.id, "another body than its event's", at: arrival.at)
            }
            if arrival.headers != event.headers {
                self.object(.phantom, arrival.id, "other headers than its event's", at: arrival.at)
            }
            if (arrival.exchange, arrival.routingKey) != (event.exchange, event.routingKey) {
                self.object(.outOfPlace, arrival.id, "sent to another destination than its event's", at: arrival.at)
            }
        }
    }

    // MARK: Faults

    /// Messages beyond the first of each event. One that the broker delivers again is excused, but only as often as the consumer's lost
    /// connections explain it.
    private mutating func takeRepeats() -> [Arrival] {
        var repeats: [Arrival] = []
        for (id, arrivals) in self.arrivals where arrivals.count > 1 {
            var sorted = arrivals.sorted { $0.at < $1.at }
            // A message that waited in a frozen broker may come after its repeat: the one without a mark was the first to be sent.
            let first = sorted.firstIndex { !$0.possibleDuplicate && !$0.redelivered }
            sorted.remove(at: first ?? sorted.firstIndex { !$0.possibleDuplicate } ?? 0)
            var excuses = self.history.unacknowledged[id] ?? 0
            for arrival in sorted {
                if arrival.redelivered, excuses > 0 {
                    excuses -= 1
                    self.verdict.redeliveredCount += 1
                } else {
                    repeats.append(arrival)
                }
            }
        }
        return repeats
    }

    /// Each repeat falls into the window of a fault that may repeat messages, and has not repeated too many; and it is marked if the relay
    /// could know.
    private mutating func checkDuplicates() {
        let repeats = self.takeRepeats()
        self.verdict.duplicateCount = repeats.count
        for arrival in repeats.sorted(by: { $0.at < $1.at }) {
            let candidates = self.verdict.incidents.indices.filter { index in
                let finding = self.verdict.incidents[index]
                return finding.incident.window.contains(arrival.at)
                    && finding.duplicateCount < finding.incident.duplicatesAllowed
            }
            let unmarked = candidates.filter { !self.verdict.incidents[$0].incident.marksRepeats }
            // To the fault that is over first: the others can still explain later ones.
            let explanation = (arrival.possibleDuplicate || unmarked.isEmpty ? candidates : unmarked).min {
                first, second in
                let incidents = self.verdict.incidents
                return incidents[first].incident.window.upperBound < incidents[second].incident.window.upperBound
            }
            if let explanation {
                self.verdict.incidents[explanation].duplicateCount += 1
                if !arrival.possibleDuplicate, unmarked.isEmpty {
                    let fault = self.verdict.incidents[explanation].incident.fault
                    self.object(.unmarked, arrival.id, "a repeat without a mark: \(fault)", at: arrival.at)
                }
            } else {
                let mark = arrival.possibleDuplicate ? ", marked as a possible one" : ""
                self.object(.duplicated, arrival.id, "a repeat that no fault allows\(mark)", at: arrival.at)
            }
        }
    }

    /// The system was well again in time.
    private mutating func checkRecovery() {
        for incident in self.history.incidents {
            guard let recovery = incident.recovery else {
                self.object(.slow, incident.fault, "not well again at the end", at: incident.injectedAt)
                continue
            }
            if recovery > incident.recoveryBudget {
                let what = "well again after \(recovery), allowed are \(incident.recoveryBudget)"
                self.object(.slow, incident.fault, what, at: incident.injectedAt)
            }
        }
    }
}

extension [Duration] {
    /// Where those that belong begin, in an array in which they come last: a run has many events and many faults.
    fileprivate func partitioningIndex(where belongs: (Duration) -> Bool) -> Int {
        var range = self.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = belongs(self[middle]) ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return range.lowerBound
    }
}
