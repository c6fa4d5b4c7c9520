import InMemoryLogging
import Logging
import Support
import Testing

@testable import Postgres

@Suite("What is logged")
struct LogTests {
    private let handler: InMemoryLogHandler
    private let logger: Logger

    init() {
        var handler = InMemoryLogHandler()
        handler.logLevel = .trace
        self.handler = handler
        self.logger = Logger(label: "log-tests") { [handler] _ in handler }
    }

    @Test("a notice of the server goes to the log with its code, without its text")
    func notice() async throws {
        let connection = try await PostgresConnection.connect(Server.configuration(), logger: self.logger)
        try await connection.script("DO $$ BEGIN RAISE WARNING 'secret of %', 'Ada'; END $$")
        await connection.close()
        let notices = self.handler.entries.filter { $0.message == "Notice from the server" }
        #expect(notices.map(\.metadata) == [["postgres.severity": "WARNING", "postgres.sqlstate": "01000"]])
        #expect(notices.allSatisfy { $0.level == .debug })
    }

    @Test("each failed attempt to connect is one line, with the cause and the pause, without the password")
    func failedAttempts() async throws {
        let pool = try PostgresPool(
            configuration: PostgresConfiguration(connectionString: "postgresql://ada:hunter2@127.0.0.1:1/none"),
            size: 2,
            logger: self.logger
        )
        let run = Task { try await pool.run() }
        try await eventually("two attempts") { self.handler.entries.count >= 2 }
        run.cancel()
        try await run.value
        for entry in self.handler.entries {
            #expect(entry.level == .info)
            #expect(entry.metadata["postgres.endpoint"] == "127.0.0.1:1/none")
            #expect(entry.metadata["postgres.retry.ms"] != nil)
            #expect(entry.error.map { "\($0)" }?.contains("refused") == true)
            #expect(!String(reflecting: entry).contains("hunter2"))
        }
    }
}
