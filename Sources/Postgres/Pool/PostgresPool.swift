public import Logging
import Metrics
public import ServiceLifecycle
import Synchronization

/// A bounded pool; waiters are served in order.
///
/// Connections are opened when they are needed, one is always kept. Behind an unreachable server a lease is refused at
/// once, while one prober goes on trying with capped exponential backoff and full jitter.
public final class PostgresPool: Service, Sendable {
    typealias State = PoolState<PostgresConnection, CheckedContinuation<PostgresConnection, any Error>>

    let state: Mutex<State>
    let configuration: PostgresConfiguration
    let logger: Logger
    private let acquireTimeout: Duration
    private let idleCheckInterval: Duration
    private let clock: any Clock<Duration>
    private let waiterNumbers = Atomic<UInt64>(0)
    private let wait = Metrics.Timer(label: "postgres.pool.wait")
    private let connected = Counter(label: "postgres.connects", dimensions: [("result", "ok")])
    private let connectFailed = Counter(label: "postgres.connects", dimensions: [("result", "failed")])
    private let opens: AsyncStream<Void>
    private let openContinuation: AsyncStream<Void>.Continuation

    /// Makes a pool that connects only once `run()` is called.
    ///
    /// - Parameters:
    ///   - configuration: of each connection.
    ///   - size: the most connections it ever holds.
    ///   - acquireTimeout: how long a caller waits for one.
    ///   - logger: gets a line for each failed attempt to connect.
    public convenience init(
        configuration: PostgresConfiguration,
        size: Int,
        acquireTimeout: Duration = .seconds(5),
        logger: Logger
    ) {
        self.init(
            configuration: configuration,
            size: size,
            acquireTimeout: acquireTimeout,
            idleCheckInterval: .seconds(1),
            clock: ContinuousClock(),
            logger: logger
        )
    }

    init(
        configuration: PostgresConfiguration,
        size: Int,
        acquireTimeout: Duration,
        idleCheckInterval: Duration,
        clock: any Clock<Duration>,
        logger: Logger
    ) {
        self.configuration = configuration
        self.state = Mutex(State(size: size))
        self.acquireTimeout = acquireTimeout
        self.idleCheckInterval = idleCheckInterval
        self.clock = clock
        self.logger = logger
        (self.opens, self.openContinuation) = AsyncStream.makeStream()
    }

    /// True while at least one connection is up: for readiness. A server that ended its sessions is noticed within a
    /// second, or with the next lease.
    public var isConnected: Bool {
        self.state.withLock { $0.connectionCount > 0 }
    }

    /// What becomes of the connections now.
    public var usage: PostgresPoolUsage {
        self.state.withLock { state in
            PostgresPoolUsage(
                limit: state.size, idle: state.parked.count, used: state.leased.count, opening: state.opening,
                waiting: state.waiterCount
            )
        }
    }

    // MARK: Work

    /// Leases a connection and runs `body` on its thread. A transaction that `body` leaves open is rolled back.
    ///
    /// - Throws: what `body` throws; `.unavailable` when the server is known to be away, when no connection was had
    ///   within `acquireTimeout`, or when the pool is stopping; `.cancelled`.
    public func perform<R: Sendable>(
        file: String = #fileID,
        line: Int = #line,
        _ body: @Sendable (PostgresSession) throws -> R
    ) async throws -> R {
        while true {
            let connection: PostgresConnection
            do {
                connection = try await self.acquire()
            } catch let error as PostgresError {
                throw error.located(statement: nil, file: file, line: line)
            }
            let lease = await connection.lend(body)
            self.perform { $0.release(connection, isUsable: connection.isOpen) }
            // A stale one is gone now, and nothing was sent: the next is fresh at the latest when all were stale.
            if case .ended(let result) = lease { return try result.get() }
        }
    }

    /// One statement, autocommitted: the common case. Throws as ``PostgresSession/query(_:_:file:line:decode:)``, and as
    /// `perform`.
    public func query<R: Sendable>(
        _ statement: PostgresStatement,
        _ parameters: [PostgresValue] = [],
        file: String = #fileID,
        line: Int = #line,
        decode: @Sendable (borrowing PostgresRow) throws -> R
    ) async throws -> [R] {
        try await self.perform(file: file, line: line) { session in
            try session.query(statement, parameters, file: file, line: line, decode: decode)
        }
    }

    // MARK: Service

    /// Keeps connections alive until graceful shutdown, then drains: no new leases, waits for those out, closes all.
    /// Cancellation aborts what is running instead of waiting for it.
    public func run() async throws {
        self.perform { $0.start() }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withDiscardingTaskGroup { group in
                    group.addTask { await self.watchIdle() }
                    for await _ in self.opens {
                        group.addTask { await self.open() }
                    }
                    group.cancelAll()
                }
            } onGracefulShutdown: {
                self.perform { $0.drain() }
            }
        } onCancel: {
            self.abort()
        }
        self.abort()
    }

    /// Connects; after a failure either tries again, after a pause, or leaves that to the one who does.
    private func open() async {
        var isProber = false
        while true {
            do throws(PostgresError) {
                let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
                self.connected.increment()
                self.perform { $0.opened(connection) }
                return
            } catch {
                self.connectFailed.increment()
                let random = Double.random(in: 0...1)
                let next = self.perform { $0.openFailed(isProber: isProber, random: random) }
                guard case .tryAgain(let delay) = next else { return }
                isProber = true
                self.logger.info(
                    "Cannot connect to PostgreSQL, trying again",
                    error: error,
                    metadata: [
                        "postgres.endpoint": "\(self.configuration.endpoint)",
                        "postgres.retry.ms": "\(delay.inMilliseconds)",
                    ]
                )
                // Cancelled: the next attempt fails at once, and the pool is no longer running.
                try? await self.clock.sleep(for: delay)
            }
        }
    }

    /// Finds sessions that the server has ended while nobody used them.
    private func watchIdle() async {
        while !Task.isCancelled {
            // Cancelled: the condition above ends the loop.
            try? await self.clock.sleep(for: self.idleCheckInterval)
            for connection in self.state.withLock({ $0.parked }) where await !connection.checkIdle() {
                self.perform { $0.remove(connection.id) }
            }
        }
    }

    private func abort() {
        let leased = self.state.withLock { Array($0.leased.values) }
        for connection in leased { connection.abort() }
        self.perform { $0.close() }
    }

    // MARK: Leases

    private func acquire() async throws -> PostgresConnection {
        if let connection = self.state.withLock({ $0.take() }) { return connection }
        let begin = ContinuousClock.now
        defer { self.wait.record(duration: ContinuousClock.now - begin) }
        let id = self.waiterNumbers.add(1, ordering: .relaxed).newValue
        // Ends with this scope, whoever comes first.
        async let _ = self.expire(id)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // Cancellation is looked at under the lock: its handler either finds the waiter, or comes first.
                self.perform { $0.enqueue(id, continuation, isCancelled: Task.isCancelled) }
            }
        } onCancel: {
            self.perform { $0.withdraw(id, .cancelled) }
        }
    }

    private func expire(_ id: UInt64) async {
        do {
            try await self.clock.sleep(for: self.acquireTimeout)
        } catch {
            // The waiter has its answer.
            return
        }
        self.perform { $0.withdraw(id, .timedOut) }
    }

    // MARK: Effects

    private func perform(_ event: (inout State) -> State.Effects) {
        self.perform { state in (event(&state), ()) }
    }

    /// Decides inside the lock, acts outside. Connections that are let go close here, by their last reference.
    private func perform<R: Sendable>(_ event: (inout State) -> (State.Effects, R)) -> R {
        let (effects, result) = self.state.withLock { event(&$0) }
        for (waiter, answer) in effects.answers {
            switch answer {
            case .granted(let connection): waiter.resume(returning: connection)
            case .refused(let refusal): waiter.resume(throwing: PostgresError(refusal))
            }
        }
        for _ in 0..<effects.opens { self.openContinuation.yield() }
        if effects.isFinished { self.openContinuation.finish() }
        return result
    }
}

extension PostgresConnection: Identifiable {}

extension PostgresError {
    fileprivate init(_ refusal: PostgresPool.State.Refusal) {
        self =
            switch refusal {
            case .serverAway: PostgresError(.unavailable, reason: "the server is away")
            case .closing: PostgresError(.unavailable, reason: "the pool is stopping")
            case .timedOut: PostgresError(.unavailable, reason: "no connection became free in time")
            case .cancelled: PostgresError(.cancelled, reason: "cancelled while waiting for a connection")
            }
    }
}
