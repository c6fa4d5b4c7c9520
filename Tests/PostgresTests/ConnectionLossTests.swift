import Glibc
import Support
import Testing

@testable import Postgres

@Suite("Connections that are lost")
struct ConnectionLossTests {
    private func configuration() throws -> PostgresConfiguration {
        var configuration = try Server.configuration()
        configuration.statementTimeout = .seconds(30)
        return configuration
    }

    /// Runs `body`, ends its session once it sleeps, and returns what it threw.
    private func terminated(
        _ configuration: PostgresConfiguration? = nil,
        _ body: @escaping @Sendable (PostgresSession) throws -> Void
    ) async throws -> (error: PostgresError?, isOpen: Bool) {
        let configuration = try configuration ?? self.configuration()
        return try await withConnection(configuration) { connection in
            let id = try await connection.backendID()
            let task = Task { try await connection.perform(body) }
            try await withConnection { observer in
                try await observer.waits(for: id, "wait_event = 'PgSleep'")
                try await observer.expect("SELECT pg_terminate_backend($1)", [.int4(id)], is: [true])
            }
            return (await postgresError { try await task.value }, connection.isOpen)
        }
    }

    @Test("an autocommitted statement whose session ends has an unknown outcome, and keeps the server's SQLSTATE")
    func autocommit() async throws {
        let outcome = try await self.terminated { try $0.script("SELECT pg_sleep(30)") }
        #expect(outcome.error?.code == .outcomeUnknown)
        #expect(outcome.error?.sqlState == .adminShutdown)
        #expect(outcome.error?.isRetryable == false)
        #expect(!outcome.isOpen)
    }

    @Test("a statement that only reads leaves nothing unknown")
    func readOnly() async throws {
        let outcome = try await self.terminated { session in
            try session.execute(PostgresStatement("sleep", "SELECT pg_sleep(30)", isReadOnly: true))
        }
        #expect(outcome.error?.code == .connectionLost)
        #expect(outcome.error?.isRetryable == true)
        #expect(!outcome.isOpen)
    }

    @Test("inside a transaction, before COMMIT, nothing can have been committed")
    func inTransaction() async throws {
        let outcome = try await self.terminated { session in
            try session.transaction { try session.script("SELECT pg_sleep(30)") }
        }
        #expect(outcome.error?.code == .connectionLost)
        #expect(outcome.error?.isRetryable == true)
        #expect(!outcome.isOpen)
    }

    @Test("a COMMIT whose session ends has an unknown outcome")
    func duringCommit() async throws {
        let outcome = try await self.terminated { session in
            try session.script(
                """
                CREATE FUNCTION pg_temp.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
                CREATE TEMPORARY TABLE notes (id int8);
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION pg_temp.slow()
                """
            )
            try session.transaction { try session.script("INSERT INTO notes VALUES (1)") }
        }
        #expect(outcome.error?.code == .outcomeUnknown)
        #expect(!outcome.isOpen)
    }

    @Test("on a closed connection nothing is sent, and nothing is unknown")
    func closed() async throws {
        try await withConnection { connection in
            await connection.close()
            let error = await postgresError { try await connection.script("SELECT 1") }
            #expect(error?.code == .connectionLost)
            #expect(!connection.isOpen)
        }
    }

    @Test("a backend that hangs is given up after the client's own deadline")
    func hangs() async throws {
        var configuration = try Server.configuration()
        configuration.statementTimeout = .milliseconds(500)
        try await withConnection(configuration) { connection in
            let id = try await connection.backendID()
            try #require(kill(id, SIGSTOP) == 0, "the server must run on this machine, under a user we may signal")
            defer { kill(id, SIGCONT) }
            let start = ContinuousClock.now
            let error = await postgresError { try await connection.script("SELECT 1") }
            #expect(error?.code == .outcomeUnknown)
            #expect(ContinuousClock.now - start < .seconds(3))
            #expect(!connection.isOpen)
        }
    }

    @Test("a cancelled statement on a backend that hangs is given up after a short grace")
    func hangsWhileCancelled() async throws {
        try await withConnection(self.configuration()) { connection in
            let id = try await connection.backendID()
            let task = Task { try await connection.script("SELECT pg_sleep(30)") }
            try await withConnection { try await $0.waits(for: id, "wait_event = 'PgSleep'") }
            try #require(kill(id, SIGSTOP) == 0, "the server must run on this machine, under a user we may signal")
            defer { kill(id, SIGCONT) }
            let start = ContinuousClock.now
            task.cancel()
            #expect(await postgresError { try await task.value }?.code == .outcomeUnknown)
            #expect(ContinuousClock.now - start < .seconds(4))
        }
    }

    @Test("the server's session ends with the last reference to its connection")
    func dropped() async throws {
        let name = Server.uniqueName("dropped")
        do {
            let connection = try await PostgresConnection.connect(
                Server.configuration(name: name),
                logger: Server.logger
            )
            try await connection.expect("SELECT 1", is: [Int32(1)])
        }
        try await withConnection { observer in
            try await eventually("no session is left") {
                try await observer.sessions(named: name).isEmpty
            }
        }
    }
}
