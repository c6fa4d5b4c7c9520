/// When to connect to the broker again. A value: what became of a connection goes in, a delay comes out.
///
/// It grows with full jitter up to the policy's cap, so that relays that lost one broker together come back apart. From then on it is the cap
/// itself: one attempt in that time and no more, and no longer than that until a broker that is back is found.
struct ReconnectBackoff {
    private let policy: RetryPolicy
    private var failures = 0

    init(policy: RetryPolicy) {
        self.policy = policy
    }

    /// What is known of a connection that has ended.
    struct Life {
        var duration: Duration
        /// An event was handed to it.
        var isTried: Bool
        /// The broker has confirmed something on it.
        var isProven: Bool
    }

    /// A connection has ended. A broker that takes connections, and nothing else, is no better than one that is away: only one that
    /// has confirmed, or that was asked for nothing and lasted, begins anew.
    mutating func ended(_ life: Life, random: Double = .random(in: 0...1)) -> Duration {
        if life.isProven || !life.isTried && life.duration > self.policy.cap { self.failures = 0 }
        return self.next(random)
    }

    /// No connection was made. One that was refused, for its password or its virtual host, waits for a person and not for a moment.
    mutating func notConnected(isRefused: Bool, random: Double = .random(in: 0...1)) -> Duration {
        let delay = self.next(random)
        return isRefused ? self.policy.cap : delay
    }

    private mutating func next(_ random: Double) -> Duration {
        self.failures += 1
        let isGrown = self.policy.delay(afterFailures: self.failures, random: 1) == self.policy.cap
        return self.policy.delay(afterFailures: self.failures, random: isGrown ? 1 : random)
    }
}
