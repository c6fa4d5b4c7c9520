/// What a synchronous block on a connection's own thread can do. Not Sendable: it cannot leave the block.
public struct PostgresSession {
    private let wire: Wire

    init(wire: Wire) {
        self.wire = wire
    }

    // MARK: Statements

    /// Runs a statement and decodes its rows. Outside a transaction it commits by itself.
    ///
    /// - Parameters:
    ///   - statement: prepared at its first use on this connection.
    ///   - parameters: for `$1` and on.
    ///   - file: the caller's, for the error.
    ///   - line: the caller's, for the error.
    ///   - decode: called for each row. If it throws, the statement has happened all the same.
    /// - Returns: what `decode` made of each row.
    /// - Throws: what `decode` throws; `.server` when the server refused it and nothing happened; `.outcomeUnknown` when
    ///   no transaction was open and the connection broke, or the wait for a synchronous standby was cancelled;
    ///   `.connectionLost` when it broke inside one, before anything was sent, or under a statement that is read-only;
    ///   `.cancelled`.
    @discardableResult
    public func query<R>(
        _ statement: PostgresStatement,
        _ parameters: [PostgresValue] = [],
        file: String = #fileID,
        line: Int = #line,
        decode: (borrowing PostgresRow) throws -> R
    ) throws -> [R] {
        do {
            return try self.wire.run(statement, parameters).mapRows(decode)
        } catch let error as PostgresError {
            throw error.located(statement: statement.name, file: file, line: line)
        }
    }

    /// Runs a statement whose rows do not matter. Throws as `query`.
    /// - Returns: the number of rows affected.
    @discardableResult
    public func execute(
        _ statement: PostgresStatement,
        _ parameters: [PostgresValue] = [],
        file: String = #fileID,
        line: Int = #line
    ) throws(PostgresError) -> Int {
        do throws(PostgresError) {
            return try self.wire.run(statement, parameters).affectedRowCount
        } catch {
            throw error.located(statement: statement.name, file: file, line: line)
        }
    }

    /// Runs several statements without parameters in one implicit transaction (simple protocol): migrations.
    public func script(_ sql: String, file: String = #fileID, line: Int = #line) throws(PostgresError) {
        do throws(PostgresError) {
            try self.wire.script(sql)
        } catch {
            throw error.located(statement: nil, file: file, line: line)
        }
    }

    // MARK: Transactions

    /// BEGIN, body, COMMIT; ROLLBACK when the body throws.
    ///
    /// A cancelled task ends the body's statements, but not a COMMIT once it is sent: that has
    /// ``PostgresConfiguration/graceForCancel`` to be answered.
    /// - Parameters:
    ///   - statementTimeout: the limit of each statement inside, instead of the connection's.
    ///   - file: the caller's, for the error.
    ///   - line: the caller's, for the error.
    ///   - body: what is to be committed as one.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws; `.outcomeUnknown` when the reply to COMMIT was lost, or it did not wait for its
    ///   standby; `.server` with 25P02 when the body swallowed the failure of a statement, and with it the transaction.
    public func transaction<R>(
        statementTimeout: Duration? = nil,
        file: String = #fileID,
        line: Int = #line,
        _ body: () throws -> R
    ) throws -> R {
        let usualTimeout = self.wire.statementTimeout
        defer { self.wire.statementTimeout = usualTimeout }
        do {
            try self.wire.begin()
            do {
                if let statementTimeout { try self.limitStatements(to: statementTimeout) }
                let result = try body()
                try self.wire.checkCancellation()
                try self.wire.commit()
                return result
            } catch {
                self.wire.abandonTransaction()
                throw error
            }
        } catch let error as PostgresError {
            throw error.located(statement: nil, file: file, line: line)
        }
    }

    /// For the one transaction that spans several `perform` calls; see ``transaction(statementTimeout:file:line:_:)``
    /// for all others.
    ///
    /// - Parameters:
    ///   - settings: constants such as `enable_bitmapscan = off`, in force until the transaction ends (SET LOCAL).
    ///   - file: the caller's, for the error.
    ///   - line: the caller's, for the error.
    /// - Throws: `.server` with 25000 when a transaction is open already; `.connectionLost`.
    public func begin(
        locally settings: String...,
        file: String = #fileID,
        line: Int = #line
    ) throws(PostgresError) {
        do throws(PostgresError) {
            try self.wire.begin(locally: settings)
        } catch {
            throw error.located(statement: "BEGIN", file: file, line: line)
        }
    }

    /// Ends what `begin` began.
    /// - Throws: `.outcomeUnknown` when the reply was lost; `.server` with 25P02 when the transaction had failed.
    public func commit(file: String = #fileID, line: Int = #line) throws(PostgresError) {
        do throws(PostgresError) {
            try self.wire.commit()
        } catch {
            throw error.located(statement: "COMMIT", file: file, line: line)
        }
    }

    /// Ends what `begin` began, and undoes it.
    public func rollback(file: String = #fileID, line: Int = #line) throws(PostgresError) {
        do throws(PostgresError) {
            try self.wire.rollback()
        } catch {
            throw error.located(statement: "ROLLBACK", file: file, line: line)
        }
    }

    private static let setLocalTimeout = PostgresStatement(
        "set_local_statement_timeout",
        "SELECT set_config('statement_timeout', $1, true)"
    )

    private func limitStatements(to limit: Duration) throws(PostgresError) {
        _ = try self.wire.run(Self.setLocalTimeout, [.text(String(limit.inMilliseconds))])
        self.wire.statementTimeout = limit
    }
}
