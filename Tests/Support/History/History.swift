/// Everything that one run did, was told and received, and what the database holds at its end. Times are since the run began.
package struct History: Sendable {
    package var requests: [Request] = []
    /// Events that SQL was to write, by their bodies, no two of which are the same.
    package var enqueued: [String: Enqueued] = [:]
    package var arrivals: [Arrival] = []
    /// How often the consumer's connection was lost while the broker could take a message for one not acknowledged, by the message's id.
    package var unacknowledged: [String: Int] = [:]
    package var incidents: [Incident] = []
    package var outbox = Outbox()

    package init() {}
}

/// An event asked for in SQL. Noted before it is written: of a lost commit nobody can tell at once whether it was made.
package struct Enqueued: Sendable {
    package let exchange: String
    package let routingKey: String
    package let headers: [String: String]
    package var isCommitted = false

    package init(exchange: String, routingKey: String, headers: [String: String]) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.headers = headers
    }
}

/// A status change asked for over HTTP. Noted before it is sent, so that no effect can be unknown to us.
package struct Request: Sendable {
    package enum Answer: Sendable, Equatable {
        /// 2xx: done.
        case ok
        /// 4xx, or a 503 that says so: nothing was done.
        case refused(Int)
        /// Any other 5xx, or no answer at all: done once or not at all.
        case unknown(String)
    }

    package let task: String
    package let status: String
    /// Whether the change, if it is made, must write an event.
    package let expectsEvent: Bool
    /// What its event's message must have as headers, and nothing else.
    package let context: [String: String]
    package let sentAt: Duration
    package var answer = Answer.unknown("no answer yet")
    package var answeredAt: Duration?

    package init(task: String, status: String, expectsEvent: Bool, context: [String: String] = [:], sentAt: Duration) {
        self.task = task
        self.status = status
        self.expectsEvent = expectsEvent
        self.context = context
        self.sentAt = sentAt
    }
}

/// A message as the consumer got it, noted before it was acknowledged.
package struct Arrival: Sendable {
    package var id: String
    package var exchange: String
    package var routingKey: String
    package var body: String
    /// All but the mark, which is apart.
    package var headers: [String: String]
    /// The sender said that it may have sent it before.
    package var possibleDuplicate: Bool
    /// The broker said that it may have delivered it before: the consumer's doing, not the sender's.
    package var redelivered: Bool
    package var at: Duration

    package init(
        id: String,
        exchange: String,
        routingKey: String,
        body: String,
        headers: [String: String] = [:],
        possibleDuplicate: Bool = false,
        redelivered: Bool = false,
        at: Duration
    ) {
        self.id = id
        self.exchange = exchange
        self.routingKey = routingKey
        self.body = body
        self.headers = headers
        self.possibleDuplicate = possibleDuplicate
        self.redelivered = redelivered
        self.at = at
    }
}

/// A fault, from its injection until the system was well again.
package struct Incident: Sendable {
    package let fault: String
    /// How many messages it may repeat, all instances together.
    package let duplicatesAllowed: Int
    /// Whether the relay lived through it, and so has to mark what it repeats.
    package let marksRepeats: Bool
    /// How long the system may need after the fault is healed.
    package let recoveryBudget: Duration
    package let injectedAt: Duration
    package var healedAt: Duration?
    package var recoveredAt: Duration?

    package init(
        fault: String,
        duplicatesAllowed: Int,
        marksRepeats: Bool = false,
        recoveryBudget: Duration,
        injectedAt: Duration
    ) {
        self.fault = fault
        self.duplicatesAllowed = duplicatesAllowed
        self.marksRepeats = marksRepeats
        self.recoveryBudget = recoveryBudget
        self.injectedAt = injectedAt
    }

    /// From the end of the fault to the end of its effects, if they ended.
    package var recovery: Duration? {
        guard let healedAt, let recoveredAt else { return nil }
        return recoveredAt - healedAt
    }

    /// Whether it lasted, or was being recovered from, at a moment.
    package func isSuspect(of violation: Violation) -> Bool {
        self.fault == violation.subject || self.window.contains(violation.at)
    }

    /// While its repeats may arrive: what was sent before it was over can wait in the queue for a moment.
    var window: ClosedRange<Duration> {
        guard let healedAt else { return self.injectedAt...Duration.atTheEnd }
        return self.injectedAt...((self.recoveredAt ?? healedAt + self.recoveryBudget) + .seconds(5))
    }
}

/// What the outbox's four tables hold.
package struct Outbox: Sendable {
    package struct Event: Sendable {
        package var id: String
        /// The task that it tells of; none for an event of another service.
        package var task: String?
        package var exchange: String
        package var routingKey: String
        package var body: String
        package var headers: [String: String]
        package var createdAt: Duration

        package init(
            id: String,
            task: String?,
            exchange: String,
            routingKey: String,
            body: String,
            headers: [String: String] = [:],
            createdAt: Duration
        ) {
            self.id = id
            self.task = task
            self.exchange = exchange
            self.routingKey = routingKey
            self.body = body
            self.headers = headers
            self.createdAt = createdAt
        }
    }

    package var events: [Event] = []
    package var pending: Set<String> = []
    package var dead: Set<String> = []
    /// As often as it is on the books.
    package var delivered: [String] = []

    package init() {}
}

extension Duration {
    /// After all that happened in a run.
    static let atTheEnd = Duration.seconds(Int64.max / 2)
}
