public import Logging

/// Applies migrations in order, one transaction each, under an advisory lock, checksums kept in `ledger`.
///
/// The first migration creates the ledger table (name text primary key, checksum text not null, applied_at timestamptz
/// with a default). A ledger that does not exist means that nothing is applied. A name in the ledger that this binary
/// does not have is a newer binary's, and is let be.
public struct PostgresMigrator: Sendable {
    private let migrations: [PostgresMigration]
    private let lockKey: Int64
    private let logger: Logger
    private let ledgerExists: PostgresStatement
    private let readLedger: PostgresStatement
    private let writeLedger: PostgresStatement
    private let ledger: String

    /// How long another instance may take with its migrations before this one gives up.
    private static let lockTimeout: Duration = .seconds(120)
    private static let lockRetryInterval: Duration = .milliseconds(100)
    /// For each statement of a migration: building an index on a large table takes its time.
    private static let statementTimeout: Duration = .seconds(600)

    /// Makes a migrator; nothing is looked at yet.
    ///
    /// - Parameters:
    ///   - migrations: in the order in which they are to be applied.
    ///   - ledger: the table's name as it stands in SQL, a constant: `schema.table`.
    ///   - lockKey: of the advisory lock that all instances share.
    ///   - logger: gets a line for each step applied.
    public init(migrations: [PostgresMigration], ledger: String, lockKey: Int64, logger: Logger) {
        self.migrations = migrations
        self.ledger = ledger
        self.lockKey = lockKey
        self.logger = logger
        self.ledgerExists = PostgresStatement("migrator_ledger_exists", "SELECT to_regclass($1) IS NOT NULL")
        self.readLedger = PostgresStatement("migrator_read_ledger", "SELECT name, checksum FROM \(ledger)")
        self.writeLedger = PostgresStatement(
            "migrator_write_ledger",
            "INSERT INTO \(ledger) (name, checksum) VALUES ($1, $2)"
        )
    }

    /// Applies what is missing. Many instances may do so at once: the others wait, and find nothing left to do.
    ///
    /// The connection must be a direct one: behind a transaction-mode pooler the advisory lock would stay with the
    /// pooler's server connection.
    /// - Parameters:
    ///   - connection: nobody else may use it meanwhile.
    ///   - dryRun: only look, take no lock and write nothing.
    /// - Returns: the names applied (or, with `dryRun`, that would be).
    /// - Throws: `.migration` when a step fails (it is rolled back, those before it stay), when an applied one has
    ///   changed, or when the lock was not had in time; a connection's own errors as they are.
    @discardableResult
    public func migrate(_ connection: PostgresConnection, dryRun: Bool = false) async throws -> [String] {
        guard !dryRun else {
            return try await self.pending(connection).map(\.name)
        }
        try await self.lock(connection)
        do {
            let applied = try await self.applyPending(connection)
            try await self.unlock(connection)
            return applied
        } catch {
            // If this fails too, the lock ends with the session.
            try? await self.unlock(connection)
            throw error
        }
    }

    private func applyPending(_ connection: PostgresConnection) async throws -> [String] {
        var applied: [String] = []
        for migration in try await self.pending(connection) {
            try await self.apply(migration, connection)
            self.logger.info("Migration applied", metadata: ["migration.name": "\(migration.name)"])
            applied.append(migration.name)
        }
        return applied
    }

    // MARK: Steps

    private func pending(_ connection: PostgresConnection) async throws -> [PostgresMigration] {
        let applied = try await connection.perform { session in
            let exists = try session.query(self.ledgerExists, [.text(self.ledger)]) { try $0.decode(Bool.self) }
            guard exists == [true] else { return [String: String]() }
            let rows = try session.query(self.readLedger) { try $0.decode(String.self, String.self) }
            return Dictionary(rows) { first, _ in first }
        }
        for name in applied.keys.sorted() where !self.migrations.contains(where: { $0.name == name }) {
            self.logger.info("The database is newer", metadata: ["migration.name": "\(name)"])
        }
        for migration in self.migrations {
            guard let checksum = applied[migration.name], checksum != migration.checksum else { continue }
            throw PostgresError(
                .migration,
                reason: "migration \(migration.name) was changed after it had been applied"
            )
        }
        return self.migrations.filter { applied[$0.name] == nil }
    }

    private func apply(_ migration: PostgresMigration, _ connection: PostgresConnection) async throws {
        do {
            try await connection.perform { session in
                try session.transaction(statementTimeout: Self.statementTimeout) {
                    try session.script(migration.sql)
                    try session.execute(self.writeLedger, [.text(migration.name), .text(migration.checksum)])
                }
            }
        } catch let error as PostgresError where error.code == .server {
            throw PostgresError(
                .migration,
                sqlState: error.sqlState,
                constraint: error.constraint,
                // The operator needs the server's words, and what DDL says of data is in the migration itself.
                reason: "migration \(migration.name) failed and was rolled back: \(error.serverMessage ?? "")",
                serverMessage: error.serverMessage
            )
        }
    }

    // MARK: Lock

    private static let tryLock = PostgresStatement("migrator_try_lock", "SELECT pg_try_advisory_lock($1)")
    private static let releaseLock = PostgresStatement("migrator_unlock", "SELECT pg_advisory_unlock($1)")

    /// Asks again and again rather than waiting in the server, where `statement_timeout` and `lock_timeout` would end
    /// the wait, and a waiting statement would hold a snapshot that `CREATE INDEX CONCURRENTLY` elsewhere waits for.
    private func lock(_ connection: PostgresConnection) async throws {
        let deadline = ContinuousClock.now + Self.lockTimeout
        while true {
            let locked = try await connection.perform { session in
                try session.query(Self.tryLock, [.int8(self.lockKey)]) { try $0.decode(Bool.self) }
            }
            if locked == [true] { return }
            guard ContinuousClock.now < deadline else {
                throw PostgresError(.migration, reason: "another instance has been migrating for \(Self.lockTimeout)")
            }
            try await Task.sleep(for: Self.lockRetryInterval)
        }
    }

    private func unlock(_ connection: PostgresConnection) async throws {
        _ = try await connection.perform { session in
            try session.query(Self.releaseLock, [.int8(self.lockKey)]) { try $0.decode(Bool.self) }
        }
    }
}
