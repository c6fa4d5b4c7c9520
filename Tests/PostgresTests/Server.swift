import Foundation
import Logging
import Support
import Testing

@testable import Postgres

/// The server under test, and how these tests look at it.
enum Server {
    /// A configuration whose connections are told apart from those of other tests by `name`.
    static func configuration(name: String = "postgres-tests", url: String? = nil) throws -> PostgresConfiguration {
        var configuration = try PostgresConfiguration(connectionString: url ?? TestEnvironment.databaseURL)
        configuration.applicationName = name
        return configuration
    }

    static let logger = Logger(label: "postgres-tests")

    /// A name no other test, and no other run, has.
    static func uniqueName(_ prefix: String) -> String {
        "\(prefix)_\(UUID().uuidString.prefix(13).lowercased().replacing("-", with: "_"))"
    }
}

/// Lends a connection and closes it.
func withConnection<R>(
    _ configuration: PostgresConfiguration? = nil,
    _ body: (PostgresConnection) async throws -> R
) async throws -> R {
    let connection = try await PostgresConnection.connect(
        configuration ?? Server.configuration(),
        logger: Server.logger
    )
    let result: R
    do {
        result = try await body(connection)
    } catch {
        await connection.close()
        throw error
    }
    await connection.close()
    return result
}

extension PostgresConnection {
    /// Runs one statement; its rows' only column.
    func values<T: PostgresDecodable>(
        _ sql: String,
        _ parameters: [PostgresValue] = [],
        as type: T.Type = T.self
    ) async throws -> [T] {
        try await self.perform { session in
            try session.query(PostgresStatement("test", sql), parameters) { try $0.decode(T.self) }
        }
    }

    /// Expects a statement's rows. Not `#expect` in place: a closure whose only throwing call is inside the macro is
    /// taken for one that does not throw.
    func expect<T: PostgresDecodable & Equatable>(
        _ sql: String,
        _ parameters: [PostgresValue] = [],
        is expected: [T],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let values = try await self.values(sql, parameters, as: T.self)
        #expect(values == expected, sourceLocation: sourceLocation)
    }

    func backendID() async throws -> Int32 {
        try await self.values("SELECT pg_backend_pid()")[0]
    }

    func script(_ sql: String) async throws {
        try await self.perform { try $0.script(sql) }
    }

    /// The backends whose application is `name`.
    func sessions(named name: String, _ condition: String = "true") async throws -> [Int32] {
        try await self.values(
            "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND \(condition)",
            [.text(name)]
        )
    }

    /// Ends another session, and waits until it has ended.
    func terminate(_ id: Int32) async throws {
        try await self.expect("SELECT pg_terminate_backend($1, 1000)", [.int4(id)], is: [true])
    }

    /// Waits until the backend `id` is in `state`, e.g. `active`, or waits for a `Lock`.
    func waits(for id: Int32, _ condition: String) async throws {
        try await eventually("backend \(id): \(condition)") {
            try await self.values("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND \(condition)", [.int4(id)])
                == [Int32(1)]
        }
    }
}

/// The error `body` throws, if it is a `PostgresError`.
func postgresError(_ body: () async throws -> Void) async -> PostgresError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}
