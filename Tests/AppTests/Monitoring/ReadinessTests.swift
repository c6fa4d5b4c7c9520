import Logging
import Outbox
import Postgres
import Support
import Telemetry
import Testing

@testable import App

@Suite("Readiness on a real database", .timeLimit(.minutes(1)))
struct ReadinessTests {
    private static let blocked = PostgresStatement("blocked", "SELECT count(*) FROM skillrelay.actions")

    @Test("no connection free for once is not PostgreSQL away; for longer it is a reason of its own")
    func exhausted() async throws {
        try await withTestDatabase { database in
            var configuration = try PostgresConfiguration(connectionString: database.url)
            configuration.statementTimeout = .seconds(30)
            configuration.lockTimeout = .seconds(30)
            let pool = PostgresPool(configuration: configuration, size: 1, logger: Logger(label: "test"))
            let gauges = CachedReading(lifetime: .zero, limit: .milliseconds(500), share: 1) {
                try await OutboxGauges.read(from: pool)
            }
            let readiness = Readiness(pool: pool, gauges: gauges, maxEventAge: .seconds(300))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await pool.run() }
                try await eventually("it is ready") { await readiness.reasons() == [] }
                try await database.script("BEGIN; LOCK TABLE skillrelay.actions IN ACCESS EXCLUSIVE MODE")
                async let request = pool.query(Self.blocked) { try $0.decode(Int.self) }
                try await eventually("it has the connection") { pool.usage.isExhausted }
                #expect(await readiness.reasons() == [])
                #expect(await readiness.reasons() == ["no connection to PostgreSQL has become free"])
                try await database.script("ROLLBACK")
                #expect(try await request == [0])
                #expect(await readiness.reasons() == [])
                group.cancelAll()
            }
        }
    }
}
