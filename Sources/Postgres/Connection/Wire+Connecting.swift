import Logging

extension Wire {
    /// Connects and sets the session up. Resolving a host name blocks this thread; nothing else does.
    ///
    /// - Throws: `.unavailable` with libpq's message, which names host and user, never the password; `.cancelled`.
    func connect() throws(PostgresError) {
        do throws(PostgresError) {
            try self.establish()
            self.signals.isOpen = true
            // Behind a pooler a setting would leak to other clients of its server connection.
            if self.configuration.preparesStatements { try self.applySettings() }
        } catch {
            self.close()
            guard error.code != .cancelled, error.code != .unavailable else { throw error }
            throw PostgresError(
                .unavailable,
                sqlState: error.sqlState,
                reason: "the session could not be set up: \(error.reason)",
                serverMessage: error.serverMessage
            )
        }
        self.logger.debug("Connected", metadata: ["postgres.endpoint": "\(self.configuration.endpoint)"])
    }

    /// Tries the servers in order. One that is silent is passed over after `connect_timeout`, as in libpq's blocking
    /// calls; one that refuses, or is not what `target_session_attrs` asks for, libpq passes over by itself.
    private func establish() throws(PostgresError) {
        var keywords = ConnectionOptions.keywords(for: self.configuration)
        while true {
            guard self.handle.startConnecting(keywords) else { throw self.unreachable() }
            let options = self.handle.options
            let seconds = options["connect_timeout"].flatMap { Int64($0) } ?? 0
            let timeout: Duration = seconds > 0 ? .seconds(seconds) : self.configuration.connectTimeout
            if try self.poll(timeout: timeout) { return }
            let (host, port) = (self.handle.host, self.handle.port)
            guard let rest = ServerList(options: options).after(host: host, port: port) else {
                throw PostgresError(.unavailable, reason: "no answer from \(host):\(port) within \(timeout)")
            }
            keywords = ConnectionOptions.keywords(for: self.configuration) + rest.keywords
        }
    }

    /// Connects to one server after the other until one is silent for too long: false.
    private func poll(timeout: Duration) throws(PostgresError) -> Bool {
        var server = ""
        var deadline = ContinuousClock.now
        var wantsWrite = true
        while true {
            if self.cancellation?.isRaised == true || self.signals.isAborted {
                throw PostgresError(.cancelled, reason: "cancelled while connecting")
            }
            let current = "\(self.handle.host):\(self.handle.port)"
            if current != server {
                server = current
                deadline = .now + timeout
            }
            // The socket changes with each address that is tried.
            switch self.signals.wake.wait(socket: self.handle.socket, writable: wantsWrite, until: deadline) {
            case .woken: continue
            case .timedOut: return false
            case .ready: break
            }
            switch self.handle.continueConnecting() {
            case .wantsRead: wantsWrite = false
            case .wantsWrite: wantsWrite = true
            case .failed: throw self.unreachable()
            case .connected:
                guard self.handle.setNonBlocking() else { throw self.unreachable() }
                self.handle.setNoticeSink(self.notices)
                return true
            }
        }
    }

    private func unreachable() -> PostgresError {
        // One line for the log.
        let message = self.handle.errorMessage.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return PostgresError(.unavailable, reason: message)
    }

    // MARK: Settings

    /// Sets what the connection string has not set by itself, in one round trip; a setting this server does not know
    /// (`client_connection_check_interval` came with 14) is left out.
    private static let settings = """
        SELECT s.name, s.setting, s.source = 'client',
               CASE WHEN s.source <> 'client' THEN set_config(w.name, w.value, false) END
        FROM unnest($1, $2) AS w(name, value) JOIN pg_settings s ON s.name = w.name
        """

    private func applySettings() throws(PostgresError) {
        let wanted: [(name: String, value: Duration)] = [
            ("statement_timeout", self.configuration.statementTimeout),
            ("lock_timeout", self.configuration.lockTimeout),
            ("idle_in_transaction_session_timeout", self.configuration.idleInTransactionTimeout),
            // Without it the server finishes, and commits, the statement of a client that has died.
            ("client_connection_check_interval", .milliseconds(500)),
        ]
        let parameters = try EncodedParameters([
            .textArray(wanted.map(\.name)), .textArray(wanted.map { String($0.value.inMilliseconds) }),
        ])
        let result = try self.exchange(.session) { $0.sendUnprepared(sql: Self.settings, parameters) }
        do {
            _ = try result.mapRows { row in
                let (name, setting, isChosenByUser, _) = try row.decode(
                    String.self, String.self, Bool.self, String?.self)
                // The client's own deadline follows a limit that the connection string has set; 0 means none.
                if name == "statement_timeout", isChosenByUser, let limit = Int64(setting), limit > 0 {
                    self.statementTimeout = .milliseconds(limit)
                }
            }
        } catch {
            throw PostgresError(.unavailable, reason: "the session's settings could not be read")
        }
    }
}
