package import Logging
import Outbox
package import Postgres
import Synchronization

/// Connections for operators' requests, one each while it is under way: a search through the history must not wait for, nor hold up, the
/// requests of clients, and no operator means no connection.
package final class OperatorDatabase: Sendable {
    /// More are refused.
    static let mostAtOnce = 4
    /// Of each statement: time enough is left to say that it was not enough.
    private static let statementTimeout = Duration.seconds(7)

    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let underWay = Mutex(0)

    package init(configuration: PostgresConfiguration, logger: Logger) {
        var configuration = configuration
        configuration.statementTimeout = Self.statementTimeout
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs `body` in a session of its own.
    ///
    /// - Throws: `RequestError.tooManyOperators`, `OperationError.tooLong` when a statement takes longer than it may, `PostgresError`, and
    ///   what `body` throws.
    func perform<R: Sendable>(_ body: @Sendable (PostgresSession) throws -> R) async throws -> R {
        try await self.lend { connection in try await connection.perform(body) }
    }

    /// As `perform`, for what takes several sessions.
    func lend<R: Sendable>(_ body: (PostgresConnection) async throws -> R) async throws -> R {
        let isFree = self.underWay.withLock { count in
            guard count < Self.mostAtOnce else { return false }
            count += 1
            return true
        }
        guard isFree else { throw RequestError.tooManyOperators }
        defer { self.underWay.withLock { $0 -= 1 } }
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            // Not the database's fault, and to come again does not help.
            if let error = error as? PostgresError, error.code == .server, error.sqlState == .queryCanceled {
                throw OperationError.tooLong("it took longer than \(Self.statementTimeout.components.seconds) seconds")
            }
            throw error
        }
    }
}
