import Postgres

extension Write {
    /// The same change, and after it another in its transaction.
    func after(_ change: @escaping @Sendable (PostgresSession) throws -> Void) -> Write {
        var write = Write(
            pool: self.pool,
            locks: self.locks,
            isOneStatement: false,
            statementTimeout: self.statementTimeout,
            run: { database in
                let value = try self.run(database)
                try change(database)
                return value
            },
            find: self.find,
            onCommit: self.onCommit
        )
        if let renew = self.renew {
            write.renew = { try await renew().after(change) }
        }
        return write
    }
}
