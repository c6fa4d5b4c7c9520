/// Who holds which connection, who waits, and what is to be done next. No clock, no I/O: an event goes in, effects come
/// out, and the pool performs them outside its lock.
///
/// `opening` counts attempts to connect, the one that sleeps between two attempts included. As long as attempts fail
/// there is one prober only; the others give up.
struct PoolState<Connection: Identifiable, Waiter> {
    enum Phase { case notStarted, running, draining, closed }

    /// Why nobody gets a connection now.
    enum Refusal { case serverAway, closing, timedOut, cancelled }

    enum Answer {
        case granted(Connection)
        case refused(Refusal)
    }

    /// What the pool has to do, in this order.
    struct Effects {
        var answers: [(waiter: Waiter, answer: Answer)] = []
        /// Attempts to begin.
        var opens = 0
        /// Connections to let go.
        var dropped: [Connection] = []
        /// Nothing is left to be done, ever.
        var isFinished = false
    }

    /// What becomes of a failed attempt to connect.
    enum AfterFailure { case tryAgain(after: Duration), giveUp }

    let size: Int
    let backoff: Backoff
    private(set) var phase = Phase.notStarted
    /// The newest last: it is lent first, so that the others may rest.
    private(set) var parked: [Connection] = []
    private(set) var leased: [Connection.ID: Connection] = [:]
    private(set) var opening = 0
    private(set) var failures = 0
    private var hasProber = false
    private var waiters: [(id: UInt64, waiter: Waiter)] = []

    init(size: Int, backoff: Backoff = Backoff()) {
        precondition(size > 0, "a pool needs room for a connection")
        self.size = size
        self.backoff = backoff
    }

    var connectionCount: Int { self.parked.count + self.leased.count }
    var waiterCount: Int { self.waiters.count }

    // MARK: Leases

    /// A connection, if one is parked: nobody waits then.
    mutating func take() -> Connection? {
        guard let connection = self.parked.popLast() else { return nil }
        self.leased[connection.id] = connection
        return connection
    }

    /// Puts a waiter at the end of the line, or answers it at once.
    mutating func enqueue(_ id: UInt64, _ waiter: Waiter, isCancelled: Bool) -> Effects {
        if isCancelled { return Effects(answers: [(waiter, .refused(.cancelled))]) }
        if let connection = self.take() { return Effects(answers: [(waiter, .granted(connection))]) }
        switch self.phase {
        case .draining, .closed: return Effects(answers: [(waiter, .refused(.closing))])
        case .running where self.failures > 0 && self.connectionCount == 0:
            return Effects(answers: [(waiter, .refused(.serverAway))])
        case .notStarted, .running:
            self.waiters.append((id, waiter))
            return Effects(opens: self.open())
        }
    }

    /// Takes a waiter out of the line; does nothing when it has its answer already.
    mutating func withdraw(_ id: UInt64, _ refusal: Refusal) -> Effects {
        guard let index = self.waiters.firstIndex(where: { $0.id == id }) else { return Effects() }
        return Effects(answers: [(self.waiters.remove(at: index).waiter, .refused(refusal))])
    }

    /// A lease has ended.
    mutating func release(_ connection: Connection, isUsable: Bool) -> Effects {
        guard self.leased.removeValue(forKey: connection.id) != nil else { return Effects(dropped: [connection]) }
        guard isUsable, self.phase == .running else {
            return self.finishIfDrained(Effects(opens: self.open(), dropped: [connection]))
        }
        return self.place(connection)
    }

    /// A parked connection was found dead. One that was lent meanwhile is its holder's to find out about.
    mutating func remove(_ id: Connection.ID) -> Effects {
        guard let index = self.parked.firstIndex(where: { $0.id == id }) else { return Effects() }
        let connection = self.parked.remove(at: index)
        return Effects(opens: self.open(), dropped: [connection])
    }

    // MARK: Connecting

    /// The pool's service has begun to run.
    mutating func start() -> Effects {
        precondition(self.phase == .notStarted, "a pool runs once, not from \(self.phase)")
        self.phase = .running
        return Effects(opens: self.open())
    }

    /// An attempt to connect has succeeded.
    mutating func opened(_ connection: Connection) -> Effects {
        self.opening -= 1
        self.failures = 0
        self.hasProber = false
        guard self.phase == .running else { return self.finishIfDrained(Effects(dropped: [connection])) }
        var effects = self.place(connection)
        effects.opens = self.open()
        return effects
    }

    /// An attempt to connect has failed.
    /// - Parameters:
    ///   - isProber: whether it was told to try again the last time.
    ///   - random: from 0 to 1, for the jitter.
    /// - Returns: the effects, and what the one who tried is to do.
    mutating func openFailed(isProber: Bool, random: Double) -> (Effects, AfterFailure) {
        self.failures += 1
        guard self.phase == .running, isProber || !self.hasProber else {
            self.opening -= 1
            return (Effects(), .giveUp)
        }
        self.hasProber = true
        var effects = Effects()
        if self.connectionCount == 0 {
            // The server is away: say so now rather than at each waiter's deadline.
            effects.answers = self.refuseAll(.serverAway)
        }
        return (effects, .tryAgain(after: self.backoff.delay(failures: self.failures, random: random)))
    }

    // MARK: Stopping

    /// No new leases; those under way end by themselves.
    mutating func drain() -> Effects {
        guard self.phase == .running else { return Effects() }
        self.phase = .draining
        let effects = Effects(answers: self.refuseAll(.closing), dropped: self.parked)
        self.parked = []
        return self.finishIfDrained(effects)
    }

    /// The end: what is still lent is to be aborted.
    mutating func close() -> Effects {
        self.phase = .closed
        let effects = Effects(
            answers: self.refuseAll(.closing),
            dropped: self.parked + Array(self.leased.values),
            isFinished: true
        )
        self.parked = []
        self.leased = [:]
        return effects
    }

    // MARK: Decisions

    /// To the first waiter, or to rest.
    private mutating func place(_ connection: Connection) -> Effects {
        guard !self.waiters.isEmpty else {
            self.parked.append(connection)
            return Effects()
        }
        self.leased[connection.id] = connection
        return Effects(answers: [(self.waiters.removeFirst().waiter, .granted(connection))])
    }

    /// How many attempts to begin now: one for each waiter as far as there is room, and never none at all.
    private mutating func open() -> Int {
        guard self.phase == .running, !self.hasProber else { return 0 }
        let wanted = min(self.size, max(1, self.leased.count + self.waiters.count))
        let missing = max(0, wanted - self.connectionCount - self.opening)
        self.opening += missing
        return missing
    }

    private mutating func refuseAll(_ refusal: Refusal) -> [(waiter: Waiter, answer: Answer)] {
        defer { self.waiters = [] }
        return self.waiters.map { ($0.waiter, .refused(refusal)) }
    }

    private func finishIfDrained(_ effects: Effects) -> Effects {
        var effects = effects
        effects.isFinished = self.phase == .draining && self.leased.isEmpty
        return effects
    }
}

extension PoolState: Sendable where Connection: Sendable, Connection.ID: Sendable, Waiter: Sendable {}
extension PoolState.Effects: Sendable where Connection: Sendable, Connection.ID: Sendable, Waiter: Sendable {}
extension PoolState.Answer: Sendable where Connection: Sendable, Connection.ID: Sendable, Waiter: Sendable {}
