import Foundation

/// What to write for a batch, decided from its outcomes.
struct Settlement: Equatable {
    /// Confirmed and routed: off the pending list.
    var delivered: [ClaimedEvent] = []
    /// To be tried again.
    var retries: [Retry] = []
    /// Refused for the last time: parked.
    var dead: [Dead] = []
    /// Destinations that began to fail with this batch, and why.
    var failing: [Destination: String] = [:]
    /// Destinations that failed before this batch and take messages again, and where in the claim's order their events begin.
    var recovered: [Destination: Int64] = [:]

    struct Retry: Equatable {
        var sequence: Int64
        var id: UUID
        var attempts: Int
        var delay: Duration
        var maybeSent: Bool
        var error: String
    }

    struct Dead: Equatable {
        var sequence: Int64
        var id: UUID
        var attempts: Int
        var error: String
    }
}

/// Decides what becomes of a batch, and what is claimed next. A value: outcomes go in, a settlement comes out.
struct SettlementPlanner {
    /// An event's own faults before it is parked.
    let maxAttempts: Int
    let retryPolicy: RetryPolicy
    private(set) var pauses: DestinationPauses

    init(maxAttempts: Int, retryPolicy: RetryPolicy) {
        self.maxAttempts = maxAttempts
        self.retryPolicy = retryPolicy
        self.pauses = DestinationPauses(policy: retryPolicy)
    }

    /// Takes in what the publisher answered.
    ///
    /// - Parameters:
    ///   - events: the batch as claimed.
    ///   - outcomes: one for each event, in order.
    ///   - now: when they were answered.
    ///   - random: draws 0 to 1 for the jitter.
    /// - Returns: what to write.
    mutating func plan(
        _ events: [ClaimedEvent],
        _ outcomes: [DeliveryOutcome],
        now: ContinuousClock.Instant,
        random: () -> Double = { .random(in: 0...1) }
    ) -> Settlement {
        precondition(events.count == outcomes.count, "a publisher answers for each event")
        var settlement = Settlement()
        var delivered: Set<Destination> = []
        var faults: [Destination: (error: String, first: Int64)] = [:]
        for (event, outcome) in zip(events, outcomes) {
            switch outcome {
            case .delivered:
                settlement.delivered.append(event)
                delivered.insert(event.destination)
            case .destinationFault(let error, let maybeSent):
                // Due at once: what keeps it back is the pause, and that ends for all its events together.
                settlement.retries.append(event.retry(after: .zero, maybeSent: maybeSent, error: error))
                let first = min(faults[event.destination]?.first ?? .max, event.sequence)
                faults[event.destination] = (error, first)
            case .eventFault(let error, let maybeSent):
                let attempts = event.attempts + 1
                if attempts < self.maxAttempts {
                    let delay = self.retryPolicy.delay(afterFailures: attempts, random: random())
                    settlement.retries.append(
                        event.retry(attempts: attempts, after: delay, maybeSent: maybeSent, error: error)
                    )
                } else {
                    settlement.dead.append(
                        Settlement.Dead(sequence: event.sequence, id: event.id, attempts: attempts, error: error)
                    )
                }
            case .unknown(let error):
                settlement.retries.append(event.retry(after: .zero, maybeSent: true, error: error))
            case .unsent:
                // Nothing happened to it: the row stays as it is.
                break
            }
        }
        for destination in delivered {
            if let first = self.pauses.recovered(destination) { settlement.recovered[destination] = first }
        }
        for (destination, fault) in faults {
            let isNew = self.pauses.failed(
                destination, error: fault.error, at: fault.first, now: now, random: random()
            )
            if isNew { settlement.failing[destination] = fault.error }
        }
        return settlement
    }

    /// The first event that could be had of a paused destination.
    mutating func found(_ event: ClaimedEvent) {
        self.pauses.sought(event.destination, through: event.sequence - 1)
    }

    /// A paused destination was asked for an event and none was found through `reach`: when there is none at all, there is nothing to keep
    /// back.
    mutating func sought(_ destination: Destination, _ reach: ClaimReach, in range: ClaimRange) {
        guard !reach.isFull else { return }
        if reach.isAtHead {
            _ = self.pauses.recovered(destination)
        } else {
            self.pauses.sought(destination, through: range.through)
        }
    }
}

extension ClaimedEvent {
    fileprivate func retry(
        attempts: Int? = nil,
        after delay: Duration,
        maybeSent: Bool = false,
        error: String
    ) -> Settlement.Retry {
        Settlement.Retry(
            sequence: self.sequence,
            id: self.id,
            attempts: attempts ?? self.attempts,
            delay: delay,
            maybeSent: self.maybeSent || maybeSent,
            error: error
        )
    }
}
