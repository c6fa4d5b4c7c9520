import Metrics
import Outbox
import Postgres
import Telemetry

/// The gauges that only the database knows. Asked for at a scrape, and kept for a while; a scrape without them is a scrape all the same.
///
/// Counting a long pending list costs the database, so it is done apart, and less often: what the gravest alerts look at is there meanwhile.
struct DatabaseSampler: Sendable {
    private let gauges: CachedReading<OutboxGauges>
    private let counts: CachedReading<OutboxCounts>
    private let gaugesSample = Sample(of: "gauges")
    private let countsSample = Sample(of: "counts")

    private let dead = Meter(label: "outbox.dead")
    private let oldestPendingAge = Meter(label: "outbox.oldest.pending.age")
    private let oldestDueAge = Meter(label: "outbox.oldest.due.age")
    private let relays = Meter(label: "outbox.relays")
    private let isPaused = Meter(label: "outbox.paused")
    private let pausedDestinations = Meter(label: "outbox.paused.destinations")

    private let due = Meter(label: "outbox.pending", dimensions: [("state", "due")])
    private let delayed = Meter(label: "outbox.pending", dimensions: [("state", "delayed")])
    private let held = Meter(label: "outbox.pending", dimensions: [("state", "held")])
    private let deadTuples = Meter(label: "outbox.pending.dead.tuples")
    private let horizonAge = Meter(label: "postgres.horizon.age")
    private let horizonHolder = Meter(label: "postgres.horizon.pid")
    private let horizonTransactions = Meter(label: "postgres.horizon.transactions")

    init(gauges: CachedReading<OutboxGauges>, pool: PostgresPool) {
        self.gauges = gauges
        // A twentieth of the time at most: a count that takes half a second is made anew every ten.
        self.counts = CachedReading(lifetime: .seconds(5), limit: .seconds(2), share: 20) {
            try await OutboxCounts.read(from: pool)
        }
    }

    /// Sets the gauges. What is not known any more has no value: an old one would look as if all were well.
    func update() async {
        async let gauges = self.gauges.current()
        async let counts = self.counts.current()
        self.set(self.gaugesSample.value(of: await gauges))
        self.set(self.countsSample.value(of: await counts))
    }

    private func set(_ gauges: OutboxGauges?) {
        self.dead.set(gauges?.dead)
        self.oldestPendingAge.set(gauges?.oldestPendingAge ?? .nan)
        self.oldestDueAge.set(gauges?.oldestDueAge ?? .nan)
        self.relays.set(gauges?.relaysSeen)
        self.isPaused.set(gauges.map { $0.isPaused ? 1 : 0 })
        self.pausedDestinations.set(gauges?.pausedDestinations)
    }

    private func set(_ counts: OutboxCounts?) {
        self.due.set(counts?.due)
        self.delayed.set(counts?.delayed)
        self.held.set(counts?.held)
        self.deadTuples.set(counts?.vacuum.deadTuples)
        self.horizonAge.set(counts.map { $0.vacuum.holderAge ?? 0 } ?? .nan)
        self.horizonHolder.set(counts.map { $0.vacuum.holder ?? 0 })
        self.horizonTransactions.set(counts?.vacuum.heldTransactions)
    }
}

/// Whether the database has answered, and how fast.
private struct Sample {
    private let success: Meter
    private let duration: Meter

    init(of reading: String) {
        self.success = Meter(label: "outbox.sample.success", dimensions: [("reading", reading)])
        self.duration = Meter(label: "outbox.sample.duration", dimensions: [("reading", reading)])
    }

    func value<Value>(of reading: CachedReading<Value>.Reading?) -> Value? {
        let value = try? reading?.result.get()  // told by the gauge
        self.success.set(value == nil ? 0 : 1)
        self.duration.set(reading.map { $0.duration / .seconds(1) } ?? .nan)
        return value
    }
}

extension Meter {
    /// Nil: the value is not known.
    fileprivate func set(_ value: Int?) {
        self.set(value.map { Double($0) } ?? Double.nan)
    }
}
