import Metrics
import Postgres

/// What the relay counts of its work.
struct RelayMetrics: Sendable {
    private let claims = Counters<ClaimResult>("outbox.claims", by: "result")
    private let claimDuration = Timer(label: "outbox.claim.duration")
    private let batch = Recorder(label: "outbox.batch")
    private let publishes = Counters<PublishResult>("outbox.publishes", by: "outcome")
    private let publishDuration = Timer(label: "outbox.publish.duration")
    private let deliveryLatency = Timer(label: "outbox.delivery.latency")
    private let parkedEvents = Counter(label: "outbox.events.parked")

    private enum ClaimResult: String, CaseIterable { case events, empty, failed }

    private enum PublishResult: String, CaseIterable {
        case delivered
        case destinationFault = "destination_fault"
        case eventFault = "event_fault"
        case unknown, unsent

        init(_ outcome: DeliveryOutcome) {
            switch outcome {
            case .delivered: self = .delivered
            case .destinationFault: self = .destinationFault
            case .eventFault: self = .eventFault
            case .unknown: self = .unknown
            case .unsent: self = .unsent
            }
        }
    }

    func claimed(_ count: Int, in duration: Duration) {
        self.claims.increment(count > 0 ? .events : .empty)
        self.claimDuration.record(duration: duration)
        if count > 0 { self.batch.record(count) }
    }

    func claimFailed(in duration: Duration) {
        self.claims.increment(.failed)
        self.claimDuration.record(duration: duration)
    }

    func published(_ outcomes: ArraySlice<DeliveryOutcome>, in duration: Duration) {
        guard !outcomes.isEmpty else { return }
        self.publishDuration.record(duration: duration)
        for outcome in outcomes { self.publishes.increment(PublishResult(outcome)) }
    }

    func parked(_ events: [Settlement.Dead]) {
        if !events.isEmpty { self.parkedEvents.increment(by: events.count) }
    }

    /// `confirmedAt` and the events' own times are the database's, so that no clock of ours matters.
    func settled(_ settlement: Settlement, confirmedAt: PostgresTimestamp?) {
        self.parked(settlement.dead)
        guard let confirmedAt else { return }
        // One that was queued again is as old as its first delivery.
        for event in settlement.delivered where event.replayID == nil {
            let (microseconds, isInfinite) = confirmedAt.unixMicroseconds
                .subtractingReportingOverflow(event.createdAt.unixMicroseconds)
            if !isInfinite { self.deliveryLatency.recordMicroseconds(max(0, microseconds)) }
        }
    }
}
