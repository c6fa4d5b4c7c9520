import Outbox
import Postgres

/// Decides what follows a failed attempt at a piece of database work. No clock, no I/O.
///
/// As long as nothing can have been committed, a failure that a fresh connection or another moment may mend is tried again a few
/// times. Once an outcome is unknown only its resolution ends the work: it is tried again for as long as the caller has time, because
/// an answer is worth more to the caller than a quick doubt, and no later failure can tell what became of the first attempt.
struct Attempts: Sendable {
    /// Where nothing is in doubt.
    private static let most = 3
    private static let policy = RetryPolicy(base: .milliseconds(50), cap: .seconds(1))

    /// The first loss that left the outcome unknown.
    private var doubt: PostgresError?
    private var failures = 0

    /// An attempt may have been committed.
    var isInDoubt: Bool { self.doubt != nil }

    /// How long to wait before the next attempt; nil to give up and throw the `verdict`.
    ///
    /// `random` is from 0 to 1, drawn anew each time.
    mutating func pause(after error: any Error, random: Double) -> Duration? {
        self.failures += 1
        // A refusal of the domain, a cancelled caller.
        guard let error = error as? PostgresError else { return nil }
        if error.code == .outcomeUnknown { self.doubt = self.doubt ?? error }
        let isWorthwhile = self.isInDoubt ? error.mayResolve : error.isTransient && self.failures < Self.most
        guard isWorthwhile else { return nil }
        return Self.policy.delay(afterFailures: self.failures, random: random)
    }

    /// The attempt together with others has failed, for the fault of any of them; what follows is made alone.
    ///
    /// - Throws: `error`, when to be alone does not help.
    mutating func followBatch(failed error: PostgresError) throws(PostgresError) {
        switch error.code {
        case .unavailable: throw error
        case .outcomeUnknown: self.doubt = error
        // The statement has succeeded. Whose row it is that cannot be read the error does not say.
        case .decoding: self.doubt = PostgresError(.outcomeUnknown, reason: "committed, and its answer not understood")
        default: if error.isTransient { self.failures += 1 }
        }
    }

    /// What the caller is told when the last attempt ended in `error`.
    func verdict(_ error: any Error) -> any Error {
        self.doubt ?? error
    }
}

extension PostgresError {
    /// Nothing happened, for a reason that is gone with the connection or the moment. Not so when the server is away, busy or out of
    /// connections: then it is for the client to come back.
    ///
    /// Foreign key: what the work builds on was deleted under it. Another look finds that out, or makes it anew.
    fileprivate var isTransient: Bool {
        self.code == .connectionLost || self.sqlState == .serializationFailure || self.sqlState == .deadlockDetected
            || self.sqlState == .foreignKeyViolation
    }

    /// An attempt after an unknown outcome that failed in this way says nothing yet. A unique violation is the first attempt that has
    /// just committed, most likely: the next look finds it.
    fileprivate var mayResolve: Bool {
        self.isRetryable || self.code == .outcomeUnknown || self.sqlState == .uniqueViolation
    }
}

extension PostgresPool {
    /// Leases a connection and runs `body`, again if need be; `isInDoubt` tells it that an earlier run, or one of the `earlier` attempts, may
    /// have been committed.
    ///
    /// - Throws: what `body` throws; `.outcomeUnknown` once an outcome was unknown, and nothing else, however the later attempts end.
    func attempt<R: Sendable>(
        _ earlier: Attempts = Attempts(),
        _ body: @Sendable (PostgresSession, _ isInDoubt: Bool) throws -> R
    ) async throws -> R {
        var attempts = earlier
        while true {
            do {
                let isInDoubt = attempts.isInDoubt
                return try await self.perform { session in try body(session, isInDoubt) }
            } catch {
                let pause = attempts.pause(after: error, random: .random(in: 0...1))
                // Cancelled while it waits: the caller's time is up.
                guard let pause, (try? await Task.sleep(for: pause)) != nil else { throw attempts.verdict(error) }
            }
        }
    }

    /// One read-only statement, run again on a fresh connection when its own was lost.
    func read<R: Sendable>(
        _ statement: PostgresStatement,
        _ parameters: [PostgresValue],
        decode: @Sendable (borrowing PostgresRow) throws -> R
    ) async throws -> [R] {
        try await self.attempt { session, _ in try session.query(statement, parameters, decode: decode) }
    }
}
