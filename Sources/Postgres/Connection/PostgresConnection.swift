public import Logging

/// One connection on its own thread.
///
/// All libpq calls run on that thread, so nothing here can block the cooperative pool; no wait is without a deadline.
/// Dropping the last reference closes the connection.
public actor PostgresConnection {
    private let thread: ConnectionThread
    private let wire: Wire
    private nonisolated let signals: ConnectionSignals

    /// The connection's thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe self.thread.asUnownedSerialExecutor()
    }

    /// False after the connection was lost or closed.
    public nonisolated var isOpen: Bool { self.signals.isOpen }

    private init(configuration: PostgresConfiguration, logger: Logger) throws(PostgresError) {
        // Nothing here may block: an actor's init runs on the caller's thread.
        self.signals = try ConnectionSignals()
        self.thread = try ConnectionThread()
        self.wire = Wire(configuration: configuration, signals: self.signals, logger: logger)
    }

    deinit {
        self.thread.stop()
    }

    /// Connects, within `connectTimeout` for each host of the connection string.
    ///
    /// - Throws: `.unavailable`, or `.cancelled` as soon as the calling task is cancelled.
    public static func connect(
        _ configuration: PostgresConfiguration,
        logger: Logger
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = try PostgresConnection(configuration: configuration, logger: logger)
        try await connection.connect()
        return connection
    }

    /// Runs `body` on the connection's thread. Cancelling the calling task cancels the statement that is running, and
    /// lets no further one begin.
    ///
    /// A transaction that `body` begins and does not end stays open, for the next call or for `close`.
    public func perform<R: Sendable>(_ body: @Sendable (PostgresSession) throws -> R) async throws -> R {
        try await self.cancellable { wire in try body(PostgresSession(wire: wire)) }.get()
    }

    /// Closes the connection after the calls already made; a transaction that is open is rolled back by the server.
    public func close() async {
        self.wire.close()
    }

    // MARK: For the pool

    /// What became of a lease.
    enum Lease<R: Sendable> {
        /// The server had ended the session: nothing ran.
        case stale
        case ended(Result<R, any Error>)
    }

    /// As `perform`, but looks first whether the session still lives, and leaves no transaction open.
    func lend<R: Sendable>(_ body: @Sendable (PostgresSession) throws -> R) async -> Lease<R> {
        guard self.wire.checkIdle() else { return .stale }
        return .ended(
            await self.cancellable { wire in
                defer { wire.abandonTransaction() }
                let value = try body(PostgresSession(wire: wire))
                guard !wire.signals.isOpen || !wire.isInTransaction else {
                    throw PostgresError(
                        .server,
                        sqlState: .invalidTransactionState,
                        reason: "the block left a transaction open; it was rolled back"
                    )
                }
                return value
            }
        )
    }

    /// Whether the session still lives, as far as can be told without a round trip.
    func checkIdle() -> Bool {
        self.wire.checkIdle()
    }

    /// Ends what the connection waits for, and the connection with it. Callable from any thread.
    nonisolated func abort() {
        self.signals.abort()
    }

    // MARK: Cancellation

    private func connect() async throws(PostgresError) {
        let result = await self.cancellable { wire -> Result<Void, PostgresError> in
            do throws(PostgresError) { return .success(try wire.connect()) } catch { return .failure(error) }
        }
        if case .success(.failure(let error)) = result { throw error }
    }

    private func cancellable<R: Sendable>(_ work: (Wire) throws -> R) async -> Result<R, any Error> {
        // One flag a call: a cancellation that comes late raises a flag nobody looks at any more.
        let flag = CancellationFlag(wake: self.signals.wake)
        return await withTaskCancellationHandler {
            self.wire.cancellation = flag
            defer { self.wire.cancellation = nil }
            return Result { try work(self.wire) }
        } onCancel: {
            flag.raise()
        }
    }
}
