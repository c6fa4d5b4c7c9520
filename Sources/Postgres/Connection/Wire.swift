import Logging

/// The conversation with one server: one exchange at a time, each with a deadline. Lives on its connection's thread.
///
/// Every wait here is a `poll` over the socket and an eventfd, so that cancelling a task, aborting the connection and
/// a passing deadline all end it. libpq has no time limit of its own for a reply.
final class Wire {
    /// What an exchange can have committed, and whether a cancelled task may end it.
    enum Kind {
        /// Touches the session only: BEGIN, a prepare, a setting.
        case session
        /// Changes nothing.
        case read
        /// Commits by itself when no transaction is open.
        case statement
        /// Not cancelled, only given up sooner: the answer decides what the caller may believe.
        case commit
        /// Not cancelled, only given up sooner: it is what follows a cancelled statement.
        case rollback

        var isCancellable: Bool { self == .session || self == .read || self == .statement }
    }

    let configuration: PostgresConfiguration
    let signals: ConnectionSignals
    let logger: Logger
    /// Handed to libpq unretained: lives as long as `handle`.
    let notices: NoticeSink
    var handle = ConnectionHandle()
    var prepared = PreparedStatements()
    /// The server's limit; a reply is waited for a little longer.
    var statementTimeout: Duration
    /// Of the call under way.
    var cancellation: CancellationFlag? { didSet { self.giveUp = nil } }
    /// When the call under way ends at the latest, once it is cancelled.
    private var giveUp: ContinuousClock.Instant?

    init(configuration: PostgresConfiguration, signals: ConnectionSignals, logger: Logger) {
        self.configuration = configuration
        self.signals = signals
        self.logger = logger
        self.notices = NoticeSink(logger: logger)
        self.statementTimeout = configuration.statementTimeout
    }

    var isInTransaction: Bool { self.handle.transactionStatus != .idle }

    func close() {
        self.signals.isOpen = false
        self.handle.close()
    }

    /// Throws `.cancelled` when the calling task was cancelled.
    func checkCancellation() throws(PostgresError) {
        if self.cancellation?.isRaised == true {
            throw PostgresError(.cancelled, reason: "cancelled before the next statement was sent")
        }
    }

    // MARK: One exchange

    /// An exchange under way.
    private struct Exchange {
        let kind: Kind
        /// If the connection breaks from now on, what was sent may be committed.
        let mayCommit: Bool
        var deadline: ContinuousClock.Instant
        var cancelRequest: CancelRequest?
    }

    /// Sends one command and waits for all of its answer.
    ///
    /// - Returns: the last result. - Throws: the *first* failure: the ones after it are libpq's, without a SQLSTATE.
    func exchange(
        _ kind: Kind,
        send: (borrowing ConnectionHandle) -> Bool
    ) throws(PostgresError) -> ResultHandle {
        guard self.signals.isOpen else {
            throw PostgresError(.connectionLost, reason: "the connection is closed")
        }
        if self.signals.isAborted {
            throw self.lost(mayHaveCommitted: false, "the connection was aborted")
        }
        if kind.isCancellable { try self.checkCancellation() }
        var exchange = Exchange(
            kind: kind,
            mayCommit: kind == .commit || kind == .statement && !self.isInTransaction,
            deadline: .now + self.statementTimeout + PostgresConfiguration.graceForReply
        )
        if self.cancellation?.isRaised == true { self.shorten(&exchange) }
        _ = self.notices.takeUnreplicated()
        guard send(self.handle) else {
            throw self.lost(mayHaveCommitted: false, "the statement could not be sent")
        }
        try self.flush(&exchange)
        return try self.receive(&exchange)
    }

    private func flush(_ exchange: inout Exchange) throws(PostgresError) {
        while true {
            switch self.handle.flush() {
            case .done: return
            case .failed:
                throw self.lost(mayHaveCommitted: exchange.mayCommit, "the connection broke while sending")
            case .pending:
                try self.pause(&exchange, writable: true)
                // The server may be waiting for us to take its answer before it reads on. A broken connection shows
                // in the next flush.
                _ = self.handle.consumeInput()
            }
        }
    }

    private func receive(_ exchange: inout Exchange) throws(PostgresError) -> ResultHandle {
        var success: ResultHandle?
        var failure: ServerFailure?
        var isBroken = false
        while true {
            // Once broken nothing blocks any more, and what had arrived before the break is still to be read.
            while !isBroken, self.handle.isBusy {
                try self.pause(&exchange, writable: false)
                isBroken = !self.handle.consumeInput()
            }
            guard let result = self.handle.nextResult() else { break }
            let outcome = result.outcome
            switch outcome {
            case .succeeded: success = consume result
            case .failed: failure = failure ?? result.failure
            case .copying:
                throw self.lost(mayHaveCommitted: exchange.mayCommit, "COPY is not supported")
            }
        }
        try self.finishCancelling(&exchange)
        if isBroken || self.handle.isBad || (failure != nil && failure?.sqlState == nil) {
            throw self.lost(mayHaveCommitted: exchange.mayCommit, "the connection broke", failure)
        }
        if let failure { throw self.refused(exchange, failure) }
        guard let result = success.take() else {
            throw self.lost(mayHaveCommitted: exchange.mayCommit, "the server sent no result")
        }
        try self.checkReplication(exchange)
        return result
    }

    /// A commit that waits for a synchronous standby is past undoing. Told to stop waiting it succeeds, with a warning
    /// (which `client_min_messages` may suppress), and a failover to that standby would lose it.
    /// <https://www.postgresql.org/docs/15/warm-standby.html#SYNCHRONOUS-REPLICATION>
    private func checkReplication(_ exchange: Exchange) throws(PostgresError) {
        let wasToldToStop = exchange.mayCommit && exchange.cancelRequest != nil
        guard wasToldToStop || self.notices.takeUnreplicated() else { return }
        throw PostgresError(.outcomeUnknown, reason: "committed, perhaps without the standby it waited for")
    }

    /// Waits for the socket; begins to cancel when the calling task was cancelled meanwhile.
    private func pause(_ exchange: inout Exchange, writable: Bool) throws(PostgresError) {
        switch self.signals.wake.wait(socket: self.handle.socket, writable: writable, until: exchange.deadline) {
        case .ready: return
        case .timedOut:
            let what = exchange.cancelRequest == nil ? "no answer in time" : "no answer to the cancel request"
            throw self.lost(mayHaveCommitted: exchange.mayCommit, what)
        case .woken:
            if self.signals.isAborted {
                throw self.lost(mayHaveCommitted: exchange.mayCommit, "the connection was aborted")
            }
            guard self.cancellation?.isRaised == true else { return }
            self.shorten(&exchange)
            guard exchange.kind.isCancellable, exchange.cancelRequest == nil else { return }
            exchange.cancelRequest = self.handle.makeCancelRequest()
            exchange.cancelRequest?.send(signalling: self.signals.wake)
        }
    }

    /// A cancelled call has one grace for all that it still says to the server.
    private func shorten(_ exchange: inout Exchange) {
        let giveUp = self.giveUp ?? .now + PostgresConfiguration.graceForCancel
        self.giveUp = giveUp
        exchange.deadline = min(exchange.deadline, giveUp)
    }

    /// A cancel request that is still on its way would hit the next statement.
    private func finishCancelling(_ exchange: inout Exchange) throws(PostgresError) {
        guard let request = exchange.cancelRequest else { return }
        while !request.isFinished {
            // Not the socket (-1): the statement's answer is complete.
            if self.signals.wake.wait(socket: -1, writable: false, until: exchange.deadline) == .timedOut {
                throw self.lost(mayHaveCommitted: exchange.mayCommit, "the cancel request did not end")
            }
        }
    }

    // MARK: Failures

    private func refused(_ exchange: Exchange, _ failure: ServerFailure) -> PostgresError {
        if exchange.cancelRequest != nil, failure.sqlState == .queryCanceled {
            return PostgresError(.cancelled, sqlState: failure.sqlState, reason: "cancelled while the statement ran")
        }
        // A demoted primary keeps its sessions: this one will never write again.
        if failure.sqlState?.disposition == .replaceConnection { self.close() }
        return PostgresError(
            .server,
            sqlState: failure.sqlState,
            constraint: failure.constraint,
            reason: "the server refused the statement",
            serverMessage: failure.message
        )
    }

    /// Closes the connection and says what the loss means.
    private func lost(
        mayHaveCommitted: Bool,
        _ reason: String,
        _ failure: ServerFailure? = nil
    ) -> PostgresError {
        let message = failure?.message ?? self.handle.errorMessage
        self.close()
        let isUnknown = mayHaveCommitted && failure?.sqlState?.disposition != .sessionEndedBefore
        return PostgresError(
            isUnknown ? .outcomeUnknown : .connectionLost,
            sqlState: failure?.sqlState,
            reason: reason,
            serverMessage: message
        )
    }
}
