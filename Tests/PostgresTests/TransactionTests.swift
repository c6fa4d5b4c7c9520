import Support
import Testing

@testable import Postgres

@Suite("Transactions on a server")
struct TransactionTests {
    private static let insert = PostgresStatement("insert", "INSERT INTO notes VALUES ($1)")

    private struct Refusal: Error {}

    private func withNotes(_ body: (PostgresConnection) async throws -> Void) async throws {
        try await withConnection { connection in
            try await connection.script(
                "CREATE TEMPORARY TABLE notes (id int8 PRIMARY KEY, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)"
            )
            try await body(connection)
        }
    }

    private func expectCount(_ count: Int64, _ connection: PostgresConnection) async throws {
        try await connection.expect("SELECT count(*) FROM notes", is: [count])
    }

    @Test("a transaction commits what its body did")
    func commits() async throws {
        try await self.withNotes { connection in
            let answer = try await connection.perform { session in
                try session.transaction {
                    try session.execute(Self.insert, [.int8(1)])
                    try session.execute(Self.insert, [.int8(2)])
                    return 42
                }
            }
            #expect(answer == 42)
            try await self.expectCount(2, connection)
        }
    }

    @Test("a body that throws leaves nothing, and the connection is usable")
    func rollsBack() async throws {
        try await self.withNotes { connection in
            await #expect(throws: Refusal.self) {
                try await connection.perform { session in
                    try session.transaction {
                        try session.execute(Self.insert, [.int8(1)])
                        throw Refusal()
                    }
                }
            }
            try await self.expectCount(0, connection)
        }
    }

    @Test("COMMIT of a transaction that has failed is an error, never a success")
    func commitOfFailed() async throws {
        try await self.withNotes { connection in
            let error = await postgresError {
                try await connection.perform { session in
                    try session.transaction {
                        try session.execute(Self.insert, [.int8(1)])
                        // The body swallows the failure.
                        _ = try? session.execute(Self.insert, [.int8(1)])
                    }
                }
            }
            #expect(error?.code == .server)
            #expect(error?.sqlState == .inFailedTransaction)
            try await self.expectCount(0, connection)
        }
    }

    @Test("a constraint that fails at COMMIT is the server's refusal, not an unknown outcome")
    func deferredConstraint() async throws {
        try await withConnection { connection in
            try await connection.script(
                """
                CREATE TEMPORARY TABLE parents (id int8 PRIMARY KEY);
                CREATE TEMPORARY TABLE notes (id int8 REFERENCES parents DEFERRABLE INITIALLY DEFERRED)
                """
            )
            let error = await postgresError {
                try await connection.perform { session in
                    try session.transaction { _ = try session.execute(Self.insert, [.int8(1)]) }
                }
            }
            #expect(error?.code == .server)
            #expect(error?.sqlState == .foreignKeyViolation)
            // Autocommitted, the failure comes after the command has been reported complete.
            let autocommitted = await postgresError {
                try await connection.perform { _ = try $0.execute(Self.insert, [.int8(1)]) }
            }
            #expect(autocommitted?.sqlState == .foreignKeyViolation)
            try await self.expectCount(0, connection)
        }
    }

    @Test("a transaction may span several calls on a connection of one's own")
    func spanning() async throws {
        try await self.withNotes { connection in
            try await connection.perform { try $0.begin() }
            try await connection.perform { _ = try $0.execute(Self.insert, [.int8(1)]) }
            try await connection.perform { try $0.commit() }
            try await connection.perform { try $0.begin() }
            try await connection.perform { _ = try $0.execute(Self.insert, [.int8(2)]) }
            try await connection.perform { try $0.rollback() }
            try await self.expectCount(1, connection)
        }
    }

    @Test("a transaction inside a transaction is refused")
    func nested() async throws {
        try await self.withNotes { connection in
            let error = await postgresError {
                try await connection.perform { session in try session.transaction { try session.transaction {} } }
            }
            #expect(error?.sqlState == .invalidTransactionState)
            try await self.expectCount(0, connection)
        }
    }

    @Test("a transaction may allow its statements more time than the connection does")
    func longerLimit() async throws {
        var configuration = try Server.configuration()
        configuration.statementTimeout = .milliseconds(100)
        try await withConnection(configuration) { connection in
            try await connection.perform { session in
                try session.transaction(statementTimeout: .seconds(30)) { try session.script("SELECT pg_sleep(1.5)") }
            }
            let error = await postgresError { try await connection.script("SELECT pg_sleep(30)") }
            #expect(error?.sqlState == .queryCanceled)
        }
    }

    @Test("a transaction left idle is ended by the server; then nothing was committed, and we know it")
    func idleTooLong() async throws {
        var configuration = try Server.configuration()
        configuration.idleInTransactionTimeout = .milliseconds(100)
        try await withConnection(configuration) { connection in
            let id = try await connection.backendID()
            try await connection.perform { try $0.begin() }
            try await withConnection { observer in
                try await eventually("the session is gone") {
                    try await observer.values(
                        "SELECT 1 FROM pg_stat_activity WHERE pid = $1", [.int4(id)], as: Int32.self
                    )
                    .isEmpty
                }
            }
            let error = await postgresError { try await connection.perform { try $0.commit() } }
            #expect(error?.code == .connectionLost)
            #expect(error?.sqlState?.rawValue == "25P03")
            #expect(!connection.isOpen)
        }
    }
}
