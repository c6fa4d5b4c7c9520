/// How far a run has come, and what to do next with it. A value: no clock of its own.
struct ReplayProgress {
    typealias Instant = ContinuousClock.Instant

    /// Events of one run that wait to be sent, at most: what a live event may find before it.
    static let mostWaiting = 512
    static let chunk = mostWaiting / 2

    enum Step: Equatable {
        /// As many events at most.
        case queue(Int)
        /// Until some that wait have gone, or until then.
        case wait(until: Instant?)
        case finish
    }

    /// Events a second.
    let rate: Int?
    /// None is left to be queued.
    var isThrough: Bool
    /// What was queued and is not known to be gone, by its place in the claim's order.
    var waiting: [Int64]
    private var next: Instant?

    init(rate: Int?, isThrough: Bool, waiting: [Int64]) {
        self.rate = rate
        self.isThrough = isThrough
        self.waiting = waiting
    }

    func step(at now: Instant) -> Step {
        if self.isThrough { return self.waiting.isEmpty ? .finish : .wait(until: nil) }
        guard self.waiting.count <= Self.mostWaiting - Self.chunk else { return .wait(until: nil) }
        if let next, next > now { return .wait(until: next) }
        return .queue(self.size)
    }

    /// With a rate, at least four chunks a second, but for one event a chunk.
    private var size: Int { self.rate.map { min(Self.chunk, max(1, $0 / 4)) } ?? Self.chunk }

    mutating func queued(_ places: [Int64], isThrough: Bool, at now: Instant) {
        self.waiting += places
        self.isThrough = isThrough
        guard let rate else { return }
        // What came too late is made up for, by one chunk at most.
        let due = max(self.next ?? now, now - .seconds(Double(self.size) / Double(rate)))
        self.next = due + .seconds(Double(places.count) / Double(rate))
    }
}
