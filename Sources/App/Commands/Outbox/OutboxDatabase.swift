import Logging
import Postgres

/// The database, for a command that looks after the outbox.
enum OutboxDatabase {
    /// Connects, runs `body` in one session and closes, whatever comes of it.
    ///
    /// - Parameters:
    ///   - timeout: of each statement; a search may have to read the whole history.
    ///   - body: runs on the connection's thread.
    /// - Returns: what `body` returns.
    /// - Throws: `ConfigurationError`, `PostgresError`, and what `body` throws.
    static func perform<R: Sendable>(
        timeout: Duration = .seconds(60),
        _ body: @Sendable (PostgresSession) throws -> R
    ) async throws -> R {
        try await Self.lend(timeout: timeout) { connection in try await connection.perform(body) }
    }

    /// As `perform`, for more than one session.
    static func lend<R>(
        timeout: Duration = .seconds(60),
        _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        let config = try await Settings.load()
        let logger = try LogConfiguration(config: config).makeLogger()
        var database = try DatabaseConfiguration(config: config).connection
        database.statementTimeout = timeout
        let connection = try await PostgresConnection.connect(database, logger: logger)
        let result = await Result { try await body(connection) }
        await connection.close()
        return try result.get()
    }
}
