import Foundation
package import Postgres

/// A migrated, empty database that one test has for itself.
package struct TestDatabase: Sendable {
    /// libpq URI: what `DATABASE_URL` is for the code under test.
    package let url: String
    /// The test's own connection, for preparing rows and for asking what is true.
    package let connection: PostgresConnection

    package init(url: String, connection: PostgresConnection) {
        self.url = url
        self.connection = connection
    }

    /// Runs statements without parameters.
    package func script(_ sql: String) async throws {
        try await self.connection.perform { session in try session.script(sql) }
    }

    /// Runs one statement; the rows' single column.
    package func values<Value: PostgresDecodable>(
        _ sql: String,
        _ parameters: [PostgresValue] = [],
        as type: Value.Type = Value.self
    ) async throws -> [Value] {
        let statement = PostgresStatement(Self.name(of: sql), sql)
        return try await self.connection.perform { session in
            try session.query(statement, parameters) { row in try row.decode(Value.self) }
        }
    }

    /// Runs one statement; its single row's single column.
    package func value<Value: PostgresDecodable>(
        _ sql: String,
        _ parameters: [PostgresValue] = [],
        as type: Value.Type = Value.self
    ) async throws -> Value {
        let values = try await self.values(sql, parameters, as: type)
        guard let value = values.first, values.count == 1 else {
            throw TestError("\(values.count) rows instead of one: \(sql)")
        }
        return value
    }

    /// A name of its own for each statement, as a connection prepares each name once.
    private static func name(of sql: String) -> String {
        "test.\(UInt(bitPattern: sql.hashValue))"
    }
}

/// Lends a database to a test and drops it afterwards, whatever became of the test.
package func withTestDatabase<Result>(_ body: (TestDatabase) async throws -> Result) async throws -> Result {
    try await withDatabase(from: try await TestTemplate.shared.name, body)
}

/// Lends one that nobody has migrated.
package func withEmptyDatabase<Result>(_ body: (TestDatabase) async throws -> Result) async throws -> Result {
    try await withDatabase(from: "template0", body)
}

private func withDatabase<Result>(
    from template: String, _ body: (TestDatabase) async throws -> Result
) async throws -> Result {
    let url = try TestURL(TestEnvironment.databaseURL)
    let name = "test_\(UUID().uuidString.lowercased().prefix(13))"
    try await withAdministrator { administrator in
        try await administrator.changeDatabases("CREATE DATABASE \"\(name)\" TEMPLATE \"\(template)\"")
    }
    return try await cleaningUp {
        try await withTestConnection(to: url.path(name)) { connection in
            try await body(TestDatabase(url: url.path(name), connection: connection))
        }
    } afterwards: {
        try await withAdministrator { administrator in
            try await administrator.changeDatabases("DROP DATABASE \"\(name)\" WITH (FORCE)")
        }
    }
}

/// Lends a connection whose statements may take as long as making a database takes.
package func withTestConnection<Result>(
    to url: String,
    _ body: (PostgresConnection) async throws -> Result
) async throws -> Result {
    var configuration = try PostgresConfiguration(connectionString: url)
    configuration.applicationName = "skillrelay-tests"
    configuration.statementTimeout = .seconds(60)
    configuration.lockTimeout = .seconds(60)
    configuration.idleInTransactionTimeout = .seconds(600)
    configuration.connectTimeout = .seconds(10)
    let connection = try await PostgresConnection.connect(configuration, logger: .tests)
    return try await cleaningUp {
        try await body(connection)
    } afterwards: {
        await connection.close()
    }
}

/// Lends a connection to the database that `DATABASE_URL` names: the one from which others are made and dropped.
func withAdministrator<Result>(_ body: (PostgresConnection) async throws -> Result) async throws -> Result {
    try await withTestConnection(to: TestEnvironment.databaseURL, body)
}

extension PostgresConnection {
    /// Creates, renames or drops a database. The server refuses that while a session is in it, and one that has just been
    /// closed may still be leaving, or autovacuum be at work, whose process a role that is no superuser must not end.
    func changeDatabases(_ sql: String) async throws {
        try await eventually("nobody is in the way of \(sql)") {
            do {
                try await self.perform { session in try session.script(sql) }
                return true
            } catch let error as PostgresError
                where error.sqlState == .objectInUse || error.sqlState == .insufficientPrivilege
            {
                return false
            }
        }
    }
}

extension SQLState {
    fileprivate static let objectInUse = SQLState(rawValue: "55006")
    fileprivate static let insufficientPrivilege = SQLState(rawValue: "42501")
}
