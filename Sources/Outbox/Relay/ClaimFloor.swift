/// Where in the claim's order the next claim looks. A value: no clock of its own.
///
/// Behind the floor are rows that this relay has claimed or passed over: dead index entries, which stay for as long as some transaction
/// elsewhere holds back vacuum, and the backlogs of paused destinations. A claim from the start would walk through all of them, so it begins
/// at the floor. What comes up behind it (a writer that commits late, a retry that falls due, another relay's end) is found by sweeps, which
/// take a share of the time and no more, but for as long as they find full batches. No look is wider than a slice: whatever is in there, it
/// costs milliseconds.
struct ClaimFloor {
    typealias Instant = ContinuousClock.Instant

    struct Look: Equatable {
        enum Kind { case onward, sweep, recall }

        let kind: Kind
        let range: ClaimRange
    }

    /// Sweeps take one part in so many of the time, unless they are so slow that what is behind the floor would wait for too long.
    private static let sweepShare = 20
    private static let longestPause = Duration.seconds(5)
    static let widest: Int64 = 1 << 18
    private static let narrowest: Int64 = 1 << 10

    /// Everything up to here was looked at.
    private(set) var sequence: Int64 = 0
    /// How far the sweep has come; 0 between two.
    private var cursor: Int64 = 0
    /// Where rows are known to be due again, and are looked for first.
    private var recalled: Int64?
    /// Up to here a look has found nothing and cost nothing: a sweep takes that in one stride.
    private var void: Int64 = 0
    private var width = Self.widest
    /// What the last sweep found filled a batch: there is more, and that is work to do, not a cost to be bounded.
    private var isFlowing = false
    /// A sweep has come through that began after the last look onward.
    private var isSwept = false
    private var hasLookedOnward = false
    private var isSweeping = false
    private var isOnwardsTurn = false
    private var nextSweep: Instant?

    /// When to look again though nothing was announced: writers do not commit in the claim's order.
    var due: Instant? {
        self.isSweeping || self.sequence == 0 || self.isSwept && self.recalled == nil ? nil : self.nextSweep
    }

    /// Where to look now. `ended` or `failed` follows.
    mutating func next(at now: Instant) -> Look {
        let sweepTime = self.nextSweep ?? now
        self.nextSweep = sweepTime
        guard self.sequence > 0, sweepTime <= now, !self.isSweeping, !self.isOnwardsTurn else {
            self.isOnwardsTurn = false
            return Look(kind: .onward, range: .init(after: self.sequence, through: self.sequence + self.width))
        }
        // One lane's sweep is enough.
        self.isSweeping = true
        if self.cursor == 0 { self.hasLookedOnward = false }
        if let recalled {
            return Look(kind: .recall, range: .init(after: recalled, through: recalled + self.width))
        }
        let through = max(self.cursor, self.void) + self.width
        return Look(kind: .sweep, range: .init(after: self.cursor, through: through))
    }

    /// The claim has been made.
    ///
    /// - Returns: whether to look again at once.
    @discardableResult
    mutating func ended(_ look: Look, _ reach: ClaimReach, took duration: Duration, at now: Instant) -> Bool {
        if duration > .milliseconds(500) {
            self.width = max(Self.narrowest, self.width / 2)
        } else if duration < .milliseconds(100) {
            self.width = min(Self.widest, self.width * 2)
        }
        self.sequence = max(self.sequence, reach.through)
        self.noteVoid(look, reach, duration)
        if look.kind == .onward {
            self.isSwept = false
            self.hasLookedOnward = true
        } else {
            self.swept(look, reach, duration, now)
        }
        // A sweep that comes to the floor goes on as any look does.
        let isBounded = look.kind != .onward && reach.through < self.sequence
        return reach.isFull || self.isFlowing || !reach.isAtHead && !isBounded
    }

    private mutating func swept(_ look: Look, _ reach: ClaimReach, _ duration: Duration, _ now: Instant) {
        self.isSweeping = false
        self.isFlowing = reach.isFull
        // Work behind the floor and before it go on in turn.
        self.isOnwardsTurn = reach.isFull
        self.nextSweep = reach.isFull ? now : now + Self.pause(after: duration)
        if look.kind == .recall {
            // Unless another place was recalled meanwhile.
            if self.recalled == look.range.after { self.recalled = reach.isFull ? reach.through : nil }
        } else {
            let isThrough = reach.through >= self.sequence || reach.isAtHead && !reach.isFull
            self.isSwept = isThrough && !self.hasLookedOnward
            self.cursor = isThrough ? 0 : reach.through
        }
    }

    private mutating func noteVoid(_ look: Look, _ reach: ClaimReach, _ duration: Duration) {
        guard look.kind != .recall, look.range.after <= self.void else { return }
        if duration > .milliseconds(100) {
            self.void = 0
        } else if reach.isVoid, duration < .milliseconds(5) {
            self.void = max(self.void, min(look.range.through, self.sequence))
        }
    }

    /// The claim has failed, perhaps for its cost: that counts, and the next look is narrower.
    mutating func failed(_ look: Look, took duration: Duration, at now: Instant) {
        self.width = max(Self.narrowest, self.width / 4)
        self.void = 0
        guard look.kind != .onward else { return }
        self.isSweeping = false
        self.isFlowing = false
        self.nextSweep = now + Self.pause(after: duration)
    }

    /// The claim found everything paused: nothing was looked at.
    mutating func refused(_ look: Look) {
        if look.kind != .onward { self.isSweeping = false }
    }

    private static func pause(after sweep: Duration) -> Duration {
        min(sweep * (Self.sweepShare - 1), Self.longestPause)
    }

    /// Rows after this place are due, and behind the floor: a batch has left them, or their destination is back.
    mutating func recall(after place: Int64, at now: Instant) {
        self.recalled = min(self.recalled ?? .max, place, self.sequence)
        self.nextSweep = now
    }
}
