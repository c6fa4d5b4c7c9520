/// Which destinations are left alone, and when each is asked again with one event. In memory only: an outage of a destination, however
/// long, is counted against no event.
struct DestinationPauses {
    private struct Pause {
        var failures: Int
        var until: ContinuousClock.Instant
        /// None of its events is before this place in the claim's order, but for one that commits late.
        var first: Int64
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

    /// The destination that may be asked again and has waited longest, and the place before its first event.
    func due(_ now: ContinuousClock.Instant) -> (destination: Destination, after: Int64)? {
        self.pauses.filter { $0.value.until <= now }.min { $0.value.until < $1.value.until }
            .map { ($0.key, $0.value.first - 1) }
    }

    /// A destination failed once, however many events of a batch were for it. `random` is 0 to 1, for the jitter.
    ///
    /// - Returns: true if it did not fail before.
    mutating func failed(
        _ destination: Destination, at place: Int64, now: ContinuousClock.Instant, random: Double
    ) -> Bool {
        let failures = (self.pauses[destination]?.failures ?? 0) + 1
        let delay = self.policy.delay(afterFailures: failures, random: random)
        let first = min(self.pauses[destination]?.first ?? .max, place)
        let pause = Pause(failures: failures, until: now + delay, first: first)
        return self.pauses.updateValue(pause, forKey: destination) == nil
    }

    /// A paused destination has no event through this place that could be had.
    mutating func sought(_ destination: Destination, through place: Int64) {
        self.pauses[destination]?.first = place + 1
    }

    /// A destination took a message, or has none left to take.
    ///
    /// - Returns: the place of its first event, if it failed before.
    mutating func recovered(_ destination: Destination) -> Int64? {
        self.pauses.removeValue(forKey: destination)?.first
    }
}
