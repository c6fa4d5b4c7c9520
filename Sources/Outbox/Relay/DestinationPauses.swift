/// Which destinations are left alone, and when each is asked again with one event. In memory only: an outage of a destination, however
/// long, is counted against no event.
struct DestinationPauses {
    private struct Pause {
        var failures: Int
        let since: ContinuousClock.Instant
        let error: String
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

    /// A destination that fails: since when, and why.
    struct Failing: Equatable {
        let destination: Destination
        let since: ContinuousClock.Instant
        let error: String
    }

    /// For those who want to know, the first to fail first.
    var failing: [Failing] {
        self.pauses.map { Failing(destination: $0, since: $1.since, error: $1.error) }.sorted { $0.since < $1.since }
    }

    /// When the next destination may be asked again that is not held by an operator.
    func nextDue(except held: HeldDestinations) -> ContinuousClock.Instant? {
        self.pauses.filter { !held.contains($0.key) }.values.map(\.until).min()
    }

    /// The destination that may be asked again and has waited longest, and the place before its first event. One that an operator holds
    /// is not asked.
    func due(
        _ now: ContinuousClock.Instant, except held: HeldDestinations = HeldDestinations()
    ) -> (destination: Destination, after: Int64)? {
        self.pauses.filter { $0.value.until <= now && !held.contains($0.key) }.min { $0.value.until < $1.value.until }
            .map { ($0.key, $0.value.first - 1) }
    }

    /// A destination failed once, however many events of a batch were for it. `random` is 0 to 1, for the jitter.
    ///
    /// - Returns: true if it did not fail before.
    mutating func failed(
        _ destination: Destination, error: String, at place: Int64, now: ContinuousClock.Instant, random: Double
    ) -> Bool {
        let last = self.pauses[destination]
        let failures = (last?.failures ?? 0) + 1
        let delay = self.policy.delay(afterFailures: failures, random: random)
        let pause = Pause(
            failures: failures, since: last?.since ?? now, error: error, until: now + delay,
            first: min(last?.first ?? .max, place)
        )
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
