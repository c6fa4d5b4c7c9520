import Support
import Testing

/// The checker objects to each broken promise by its name, and to nothing else.
struct CheckerTests {
    @Test("a run in which every promise was kept passes")
    func clean() {
        let verdict = Checker.check(.clean)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.acceptedCount == 3)
        #expect(verdict.unknownCount == 1)
        #expect(verdict.eventCount == 3)
        #expect(verdict.duplicateCount == 0)
    }

    @Test("a broken promise is called by its name", arguments: Breach.all)
    func breach(_ breach: Breach) {
        var history = History.clean
        breach.commit(&history)
        let verdict = Checker.check(history)
        #expect(verdict.violations.map(\.kind) == [breach.kind])
    }

    @Test("a repeat within a fault's window is charged to it, up to its bound; the next one is a violation")
    func boundedDuplicates() {
        var history = History.clean
        history.incidents = [.cut(allowing: 1)]
        history.arrivals.append(.init("e1", at: .seconds(4)))
        #expect(Checker.check(history).violations.isEmpty)
        #expect(Checker.check(history).incidents.map(\.duplicateCount) == [1])

        history.arrivals.append(.init("e2", at: .seconds(4)))
        #expect(Checker.check(history).violations.map(\.kind) == [.duplicated])
    }

    @Test("overlapping faults share what is repeated: the one that ends first explains first")
    func overlappingFaults() {
        var history = History.clean
        history.incidents = [(2, 4, 5), (2, 8, 9)].map { injected, healed, recovered in
            Incident(
                fault: "cut", duplicatesAllowed: 1, recoveryBudget: .seconds(10), injectedAt: .seconds(injected)
            ).healed(.seconds(healed), recovered: .seconds(recovered))
        }
        history.arrivals += [.init("e1", at: .seconds(4)), .init("e2", at: .seconds(13))]
        let verdict = Checker.check(history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.incidents.map(\.duplicateCount) == [1, 1])
    }

    @Test("what the broker delivers again because the consumer had not acknowledged it is counted apart")
    func redelivery() {
        var history = History.clean
        history.unacknowledged = ["e1": 1]
        history.arrivals.append(.init("e1", redelivered: true, at: .seconds(20)))
        let verdict = Checker.check(history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.duplicateCount == 0)
        #expect(verdict.redeliveredCount == 1)
    }

    @Test("a repeat is marked, whichever arrives first; asked for only of a relay that could know")
    func marks() {
        var history = History.clean
        history.incidents = [.cut(allowing: 1, marked: true)]
        history.arrivals.append(.init("e1", possibleDuplicate: true, at: .milliseconds(2500)))
        history.arrivals[0].at = .seconds(4)
        #expect(Checker.check(history).violations.isEmpty)

        history.incidents = [.cut(allowing: 1)]
        history.arrivals[3].possibleDuplicate = false
        #expect(Checker.check(history).violations.isEmpty)
    }

    @Test("the first broken promise is told as the story of its event, faults included")
    func timeline() throws {
        var history = History.clean
        history.arrivals.removeAll { $0.id == "e2" }
        let violation = try #require(Checker.check(history).violations.first)
        #expect(
            Timeline(of: violation, in: history).description == """
                lost: e2: said to be delivered, never received
                  2.000 PATCH t2 to success
                  2.000 fault: cut
                  2.100 event e2 written: {"task_id":"t2"}
                  2.200 answered: ok
                  4.000 healed: cut
                  5.000 well again: cut
                  at the end e2 is delivered
                """
        )
    }
}

/// One way to break a promise.
struct Breach: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let kind: Violation.Kind
    let commit: @Sendable (inout History) -> Void

    static let all: [Breach] = [
        Breach("accepted, and no event was written", .lost) { history in
            history.outbox.events.removeAll { $0.id == "e1" }
            history.outbox.delivered.removeAll { $0 == "e1" }
            history.arrivals.removeAll { $0.id == "e1" }
        },
        Breach("written, and nowhere to be found", .lost) { $0.outbox.delivered.removeAll { $0 == "e1" } },
        Breach("said to be delivered, and never received", .lost) { $0.arrivals.removeAll { $0.id == "e1" } },
        Breach("enqueued by SQL, and not there", .lost) { $0.enqueue("e9", isCommitted: true) },
        Breach("enqueued by SQL once, and there twice", .doubledEvent) { history in
            history.enqueue("e9", isCommitted: false)
            for id in ["e9", "f9"] { history.add(id, task: nil, at: .seconds(3)) }
        },
        Breach("enqueued by SQL, and written otherwise", .phantom) { history in
            history.enqueue("e9", isCommitted: true, headers: ["burst": "1"])
            history.add("e9", task: nil, at: .seconds(3))
        },
        Breach("a message without an event", .phantom) { $0.arrivals.append(Arrival("e9", at: .seconds(3))) },
        Breach("a message with another body", .phantom) { $0.arrivals[0].body = "{}" },
        Breach("a message with a header less", .phantom) { $0.arrivals[0].headers = [:] },
        Breach("a message with a header more", .phantom) { $0.arrivals[1].headers = ["x": "y"] },
        Breach("an event with another header than its request's", .phantom) { history in
            history.outbox.events[0].headers = ["traceparent": "another"]
            history.arrivals[0].headers = ["traceparent": "another"]
        },
        Breach("an event that nobody asked for", .phantom) { $0.add("e9", task: "t9", at: .seconds(3)) },
        Breach("a refused request had an effect", .phantom) { $0.add("e9", task: "refused", at: .seconds(3)) },
        Breach("an accepted request wrote two events", .doubledEvent) { $0.add("e9", task: "t2", at: .seconds(3)) },
        Breach("an unknown request wrote two events", .doubledEvent) { $0.add("e9", task: "t3", at: .seconds(3)) },
        Breach("a repeat outside of any fault", .duplicated) { $0.arrivals.append(Arrival("e1", at: .seconds(30))) },
        Breach("a repeat during a fault that allows none", .duplicated) {
            $0.arrivals.append(Arrival("e1", at: .seconds(3)))
        },
        Breach("delivered again by the broker, for no reason", .duplicated) {
            $0.arrivals.append(Arrival("e1", redelivered: true, at: .seconds(20)))
        },
        Breach("a repeat without a mark, of a relay that could know", .unmarked) { history in
            history.incidents = [.cut(allowing: 1, marked: true)]
            history.arrivals.append(Arrival("e1", at: .seconds(4)))
        },
        Breach("parked while its destination was away", .outOfPlace) { history in
            history.outbox.delivered.removeAll { $0 == "e1" }
            history.outbox.dead = ["e1"]
        },
        Breach("delivered and still pending", .outOfPlace) { $0.outbox.pending = ["e1"] },
        Breach("sent to another destination", .outOfPlace) { $0.arrivals[0].routingKey = "elsewhere" },
        Breach("pending, and nothing in the way", .stuck) { history in
            history.outbox.delivered.removeAll { $0 == "e1" }
            history.arrivals.removeAll { $0.id == "e1" }
            history.outbox.pending = ["e1"]
        },
        Breach("well again too late", .slow) { $0.incidents[0].recoveredAt = .seconds(15) },
        Breach("never well again", .slow) { $0.incidents[0].recoveredAt = nil },
    ]

    private init(_ name: String, _ kind: Violation.Kind, commit: @escaping @Sendable (inout History) -> Void) {
        self.testDescription = name
        self.kind = kind
        self.commit = commit
    }
}

extension History {
    /// Two accepted changes and an unknown one that was made, each with its event and message, one change that writes no event, one
    /// refused request; and one fault that may repeat nothing.
    fileprivate static var clean: History {
        var history = History()
        history.add("e1", task: "t1", at: .seconds(1))
        history.add("e2", task: "t2", at: .seconds(2))
        history.add("e3", task: "t3", at: .seconds(3))
        history.request(on: "t1", .ok, context: Self.context, at: .seconds(1))
        history.request(on: "t2", .ok, at: .seconds(2))
        history.request(on: "t3", .unknown("503"), at: .seconds(3))
        history.request(on: "quiet", status: "running", .ok, at: .seconds(3))
        history.request(on: "refused", .refused(400), at: .seconds(3))
        history.incidents = [.cut(allowing: 0)]
        return history
    }

    /// What the first event was asked for with.
    fileprivate static let context = ["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]

    fileprivate mutating func request(
        on task: String,
        status: String = "success",
        _ answer: Request.Answer,
        context: [String: String] = [:],
        at moment: Duration
    ) {
        var request = Request(
            task: task, status: status, expectsEvent: status == "success", context: context, sentAt: moment)
        request.answer = answer
        request.answeredAt = moment + .milliseconds(200)
        self.requests.append(request)
    }

    /// Asks for an event in SQL, with the body that it has by default.
    fileprivate mutating func enqueue(_ id: String, isCommitted: Bool, headers: [String: String] = [:]) {
        let event = Arrival(id, at: .zero)
        var enqueued = Enqueued(exchange: event.exchange, routingKey: event.routingKey, headers: headers)
        enqueued.isCommitted = isCommitted
        self.enqueued[event.body] = enqueued
    }

    /// An event, delivered and received.
    fileprivate mutating func add(_ id: String, task: String?, at moment: Duration) {
        let arrival = Arrival(id, task: task, at: moment + .milliseconds(300))
        self.outbox.events.append(
            Outbox.Event(
                id: id, task: task, exchange: arrival.exchange, routingKey: arrival.routingKey, body: arrival.body,
                headers: arrival.headers, createdAt: moment + .milliseconds(100)
            )
        )
        self.outbox.delivered.append(id)
        self.arrivals.append(arrival)
    }
}

extension Arrival {
    /// `task`: by default the one whose event has the same number.
    fileprivate init(
        _ id: String,
        task: String? = nil,
        possibleDuplicate: Bool = false,
        redelivered: Bool = false,
        at moment: Duration
    ) {
        self.init(
            id: id, exchange: "learning.skill", routingKey: "learning.skill.distill",
            body: #"{"task_id":"\#(task ?? "t" + id.dropFirst())"}"#,
            headers: id == "e1" ? History.context : [:], possibleDuplicate: possibleDuplicate, redelivered: redelivered,
            at: moment
        )
    }
}

extension Incident {
    /// From the second to the fourth second, well again in the fifth.
    fileprivate static func cut(allowing count: Int, marked: Bool = false) -> Incident {
        Incident(
            fault: "cut", duplicatesAllowed: count, marksRepeats: marked, recoveryBudget: .seconds(10),
            injectedAt: .seconds(2)
        ).healed(.seconds(4), recovered: .seconds(5))
    }

    fileprivate func healed(_ healedAt: Duration, recovered recoveredAt: Duration) -> Incident {
        var incident = self
        incident.healedAt = healedAt
        incident.recoveredAt = recoveredAt
        return incident
    }
}
