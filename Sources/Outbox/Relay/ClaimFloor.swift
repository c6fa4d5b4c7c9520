/// Where in the claim's order the next claim begins. A value: no clock of its own.
///
/// What this relay has claimed is behind it, as dead index entries that a claim from the start would walk through, and that stay for as
/// long as some transaction elsewhere holds back vacuum. So a claim begins where the last one ended. Rows that come up behind the floor
/// (a writer that commits late, a retry that falls due, a destination that is back, another relay's end) are found by sweeps from the
/// start, which take a share of the time and no more.
struct ClaimFloor {
    typealias Instant = ContinuousClock.Instant

    /// Sweeps take one part in so many of the time.
    private static let sweepShare = 20

    private(set) var sequence: Int64 = 0
    private var nextSweep: Instant?

    /// The rows after it are to be claimed.
    mutating func start(at now: Instant) -> Int64 {
        if let nextSweep, now < nextSweep { return self.sequence }
        // Until this sweep has ended and its cost is known, others claim from the floor.
        self.nextSweep = now + .seconds(1)
        return 0
    }

    /// A claim from `start` has ended at `last`, nil if it found nothing; `isFull` when there may be more after it.
    mutating func claimed(
        from start: Int64, through last: Int64?, isFull: Bool, took duration: Duration, at now: Instant
    ) {
        guard start == 0 else {
            self.sequence = max(self.sequence, last ?? 0)
            return
        }
        self.nextSweep = now + duration * (Self.sweepShare - 1)
        // What a full sweep left behind the floor is next.
        if let last { self.sequence = isFull ? last : max(self.sequence, last) }
    }
}
