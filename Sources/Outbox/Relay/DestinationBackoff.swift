/// How long each failing destination is left alone. In memory only: an outage of a destination is counted against no event.
struct DestinationBackoff {
    private let policy: RetryPolicy
    private var failures: [Destination: Int] = [:]

    init(policy: RetryPolicy) {
        self.policy = policy
    }

    /// Takes in one batch: a destination fails once a batch, however many of its events failed, and one delivery forgives it.
    ///
    /// - Returns: those that began to fail and those that ended it, so that each change is told once.
    mutating func note(
        delivered: Set<Destination>,
        failed: Set<Destination>
    ) -> (failing: Set<Destination>, recovered: Set<Destination>) {
        let known = Set(self.failures.keys)
        for destination in failed {
            self.failures[destination, default: 0] += 1
        }
        for destination in delivered {
            self.failures[destination] = nil
        }
        let now = Set(self.failures.keys)
        return (now.subtracting(known), known.subtracting(now))
    }

    /// `random` is 0 to 1, drawn anew for each event, so that they do not all come due together.
    func delay(_ destination: Destination, random: Double) -> Duration {
        self.policy.delay(afterFailures: self.failures[destination] ?? 1, random: random)
    }
}
