/// Which destinations are left alone, and when each is asked again with one event. In memory only: an outage of a destination, however
/// long, is counted against no event.
struct DestinationPauses {
    private struct Pause {
        var failures: Int
        var until: ContinuousClock.Instant
    }

    private let policy: RetryPolicy
    private var pauses: [Destination: Pause] = [:]

    init(policy: RetryPolicy) {
        self.policy = policy
    }

    /// What an ordinary claim passes over.
    var paused: [Destination] { Array(self.pauses.keys) }

    /// When the next destination may be asked again.
    var nextDue: ContinuousClock.Instant? { self.pauses.values.map(\.until).min() }

    /// Destinations that may be asked again.
    func due(_ now: ContinuousClock.Instant) -> [Destination] {
        self.pauses.filter { $0.value.until <= now }.map(\.key)
    }

    /// A destination failed once, however many events of a batch were for it. `random` is 0 to 1, for the jitter.
    ///
    /// - Returns: true if it did not fail before.
    mutating func failed(_ destination: Destination, now: ContinuousClock.Instant, random: Double) -> Bool {
        let failures = (self.pauses[destination]?.failures ?? 0) + 1
        let delay = self.policy.delay(afterFailures: failures, random: random)
        return self.pauses.updateValue(Pause(failures: failures, until: now + delay), forKey: destination) == nil
    }

    /// A destination took a message, or has none left to take.
    ///
    /// - Returns: true if it failed before.
    mutating func recovered(_ destination: Destination) -> Bool {
        self.pauses.removeValue(forKey: destination) != nil
    }
}
