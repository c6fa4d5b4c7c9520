extension Wire {
    /// Runs one statement, prepared under its name unless that is switched off.
    func run(_ statement: PostgresStatement, _ values: [PostgresValue]) throws(PostgresError) -> ResultHandle {
        let parameters = try EncodedParameters(values)
        guard self.configuration.preparesStatements else {
            return try self.exchange(statement.kind) { $0.sendUnprepared(sql: statement.sql, parameters) }
        }
        let wasInTransaction = self.isInTransaction
        do throws(PostgresError) {
            return try self.runPrepared(statement, parameters)
        } catch {
            // After DISCARD, or a change of a table: nothing has run, so prepare anew, unless the failure has already
            // cost the transaction around it.
            guard error.sqlState == .invalidStatementName || error.sqlState == .featureNotSupported else { throw error }
            self.prepared.forget(statement)
            guard !wasInTransaction else { throw error }
            return try self.runPrepared(statement, parameters)
        }
    }

    private func runPrepared(
        _ statement: PostgresStatement,
        _ parameters: EncodedParameters
    ) throws(PostgresError) -> ResultHandle {
        let entry = try self.prepare(statement, types: parameters.types)
        return try self.exchange(statement.kind) { $0.sendPrepared(name: entry.serverName, parameters) }
    }

    private func prepare(
        _ statement: PostgresStatement,
        types: [PostgresType]
    ) throws(PostgresError) -> PreparedStatements.Entry {
        if let entry = self.prepared.entry(for: statement, types: types) { return entry }
        let entry = self.prepared.draft(for: statement, types: types)
        _ = try self.exchange(.session) { handle in
            handle.sendPrepare(name: entry.serverName, sql: entry.sql, types: entry.types)
        }
        self.prepared.keep(entry, for: statement)
        return entry
    }

    func script(_ sql: String) throws(PostgresError) {
        _ = try self.exchange(.statement) { $0.sendScript(sql) }
    }

    // MARK: Transactions

    func begin(locally settings: [String] = []) throws(PostgresError) {
        guard !self.isInTransaction || !self.signals.isOpen else {
            throw PostgresError(
                .server,
                sqlState: .invalidTransactionState,
                reason: "a transaction is open already"
            )
        }
        // One round trip.
        let script = (["BEGIN"] + settings.map { "SET LOCAL \($0)" }).joined(separator: ";")
        _ = try self.exchange(.session) { $0.sendScript(script) }
    }

    /// A failed transaction answers COMMIT with success and the tag `ROLLBACK`.
    func commit() throws(PostgresError) {
        let result = try self.exchange(.commit) { $0.sendScript("COMMIT") }
        guard result.commandTag == "COMMIT" else {
            throw PostgresError(
                .server,
                sqlState: .inFailedTransaction,
                reason: "the transaction had failed, so COMMIT rolled it back"
            )
        }
    }

    func rollback() throws(PostgresError) {
        _ = try self.exchange(.rollback) { $0.sendScript("ROLLBACK") }
    }

    /// Ends what a failed body left behind. A connection that cannot even roll back is closed, which does the same.
    func abandonTransaction() {
        guard self.signals.isOpen, self.isInTransaction else { return }
        do throws(PostgresError) {
            try self.rollback()
        } catch {
            self.close()
        }
    }

    // MARK: Leases

    /// Looks, without waiting, whether the server has ended this idle session.
    func checkIdle() -> Bool {
        guard self.signals.isOpen else { return false }
        // The end of a session arrives as an error message and then as the end of the stream: look until all is read.
        while WakeDescriptor.isReadable(socket: self.handle.socket) {
            guard self.handle.consumeInput(), !self.handle.isBad else {
                self.close()
                return false
            }
        }
        return true
    }
}

extension PostgresStatement {
    fileprivate var kind: Wire.Kind { self.isReadOnly ? .read : .statement }
}
