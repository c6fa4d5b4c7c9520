import Glibc
import Support
import Testing

@testable import Postgres

@Suite("Cancellation on a server")
struct CancellationTests {
    private func configuration() throws -> PostgresConfiguration {
        var configuration = try Server.configuration()
        configuration.statementTimeout = .seconds(60)
        return configuration
    }

    @Test("cancelling the task ends its statement, and the connection is usable")
    func cancelled() async throws {
        try await withConnection(self.configuration()) { connection in
            let id = try await connection.backendID()
            let sleeper = Task { try await connection.script("SELECT pg_sleep(30)") }
            try await withConnection { try await $0.waits(for: id, "wait_event = 'PgSleep'") }
            let start = ContinuousClock.now
            sleeper.cancel()
            let error = await postgresError { try await sleeper.value }
            #expect(error?.code == .cancelled)
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(try await connection.backendID() == id)
        }
    }

    @Test("a task cancelled before its call sends nothing")
    func cancelledBefore() async throws {
        try await withConnection(self.configuration()) { connection in
            try await connection.script("CREATE TEMPORARY TABLE notes (id int8)")
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await connection.script("INSERT INTO notes VALUES (1)")
            }
            #expect(await postgresError { try await task.value }?.code == .cancelled)
            try await connection.expect("SELECT count(*) FROM notes", is: [Int64(0)])
        }
    }

    @Test("a late cancellation never reaches the next statement")
    func nextStatementSurvives() async throws {
        try await withConnection(self.configuration()) { connection in
            for round in 0..<150 {
                let task = Task { try await connection.script("SELECT pg_sleep(0.001)") }
                try await Task.sleep(for: .microseconds(round * 20))
                task.cancel()
                async let outcome = task.result
                // Queued behind the cancelled call, on the same connection.
                try await connection.expect("SELECT 1 FROM pg_sleep(0.002)", is: [Int32(1)])
                if case .failure(let error) = await outcome {
                    // Unknown: it succeeded all the same.
                    let code = (error as? PostgresError)?.code
                    #expect(code == .cancelled || code == .outcomeUnknown)
                }
            }
            #expect(connection.isOpen)
        }
    }

    @Test("cancelled inside a transaction: rolled back, nothing of it remains")
    func cancelledInTransaction() async throws {
        try await withConnection(self.configuration()) { connection in
            try await connection.script("CREATE TEMPORARY TABLE notes (id int8)")
            let id = try await connection.backendID()
            let task = Task {
                try await connection.perform { session in
                    try session.transaction {
                        try session.script("INSERT INTO notes VALUES (1)")
                        try session.script("SELECT pg_sleep(30)")
                    }
                }
            }
            try await withConnection { try await $0.waits(for: id, "wait_event = 'PgSleep'") }
            task.cancel()
            #expect(await postgresError { try await task.value }?.code == .cancelled)
            try await connection.expect("SELECT count(*) FROM notes", is: [Int64(0)])
        }
    }

    @Test("a COMMIT that is not answered soon after the task was cancelled is unknown; its time limit may be far")
    func cancelledCommit() async throws {
        try await withConnection(self.configuration()) { connection in
            let id = try await connection.backendID()
            let task = Task {
                try await connection.perform { session in
                    try session.script(
                        """
                        CREATE FUNCTION pg_temp.slow() RETURNS trigger LANGUAGE plpgsql
                            AS 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
                        CREATE TEMPORARY TABLE notes (id int8);
                        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW EXECUTE FUNCTION pg_temp.slow()
                        """
                    )
                    try session.transaction { try session.script("INSERT INTO notes VALUES (1)") }
                }
            }
            try await withConnection { try await $0.waits(for: id, "wait_event = 'PgSleep'") }
            let start = ContinuousClock.now
            task.cancel()
            #expect(await postgresError { try await task.value }?.code == .outcomeUnknown)
            #expect(ContinuousClock.now - start < PostgresConfiguration.graceForCancel + .milliseconds(500))
        }
    }

    @Test("a rollback that is not answered does not prolong a cancelled call")
    func cancelledAndFrozen() async throws {
        try await withConnection(self.configuration()) { connection in
            let id = try await connection.backendID()
            let task = Task {
                try await connection.perform { session in
                    try session.transaction { try session.script("SELECT pg_sleep(30)") }
                }
            }
            try await withConnection { try await $0.waits(for: id, "wait_event = 'PgSleep'") }
            try #require(kill(id, SIGSTOP) == 0, "the server must run on this machine, under a user we may signal")
            defer { kill(id, SIGCONT) }
            let start = ContinuousClock.now
            task.cancel()
            #expect(await postgresError { try await task.value }?.code == .connectionLost)
            #expect(ContinuousClock.now - start < PostgresConfiguration.graceForCancel + .milliseconds(500))
        }
    }

    @Test("statements that wait do not hold up other tasks")
    func poolNotBlocked() async throws {
        let configuration = try self.configuration()
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask { try await withConnection(configuration) { try await $0.script("SELECT pg_sleep(3)") } }
            }
            group.addTask {
                for _ in 0..<50 {
                    let start = ContinuousClock.now
                    try await Task.sleep(for: .milliseconds(10))
                    // A blocked pool would make it a second; the rest is room for a busy machine.
                    #expect(ContinuousClock.now - start < .milliseconds(500))
                }
            }
            try await group.waitForAll()
        }
    }
}
