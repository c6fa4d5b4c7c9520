import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Support
import Testing

@testable import Outbox

@Suite("The outbox in numbers", .timeLimit(.minutes(1)))
struct OutboxGaugesTests {
    private func withPool(_ database: TestDatabase, _ body: (PostgresPool) async throws -> Void) async throws {
        let pool = PostgresPool(
            configuration: try PostgresConfiguration(connectionString: database.url), size: 1,
            logger: Logger(label: "test")
        )
        try await running(pool) { try await body(pool) }
    }

    @Test("counts what is due, delayed, held and dead, and knows the age of the oldest")
    func counts() async throws {
        try await withTestDatabase { database in
            try await self.withPool(database) { pool in
                let empty = try await OutboxGauges.read(from: pool)
                #expect(empty.dead == 0 && empty.pausedDestinations == 0 && !empty.isPaused)
                #expect(empty.oldestPendingAge == 0 && empty.oldestDueAge == 0)
                #expect(try await Self.counts(pool) == [0, 0, 0])
                try await database.enqueue(4)
                try await database.enqueue(2, key: "paused")
                // The first one, an hour ago, is delayed; the next, half an hour ago, is due. What is paused is two hours old.
                try await database.script(
                    """
                    UPDATE skillrelay.outbox_pending SET queued_at = now() - interval '1 hour',
                        next_attempt_at = now() + interval '1 minute' WHERE seq = 1;
                    UPDATE skillrelay.outbox_pending SET queued_at = now() - interval '30 minutes' WHERE seq = 2;
                    UPDATE skillrelay.outbox_pending SET queued_at = now() - interval '2 hours',
                        next_attempt_at = now() + interval '1 minute' WHERE seq = 5;
                    UPDATE skillrelay.outbox_pending SET id = skillrelay.uuid7_floor(now() - interval '2 hours') WHERE seq = 6;
                    INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) VALUES (gen_random_uuid(), 5, 'no');
                    INSERT INTO skillrelay.pauses SELECT exchange, routing_key, 'test', 'me' FROM skillrelay.outbox_pending WHERE seq = 5;
                    """)
                let gauges = try await OutboxGauges.read(from: pool)
                #expect(gauges.dead == 1 && gauges.pausedDestinations == 1 && !gauges.isPaused)
                #expect((7200..<7260).contains(gauges.oldestPendingAge))
                #expect((1800..<1860).contains(gauges.oldestDueAge))
                #expect(try await Self.counts(pool) == [3, 1, 2])
                try await database.script("INSERT INTO skillrelay.pauses (reason, paused_by) VALUES ('test', 'me')")
                let paused = try await OutboxGauges.read(from: pool)
                #expect(paused.isPaused && paused.pausedDestinations == 1)
                #expect((7200..<7260).contains(paused.oldestPendingAge))
                #expect(paused.oldestDueAge == 0)
                #expect(try await Self.counts(pool) == [0, 0, 6])
            }
        }
    }

    private static func counts(_ pool: PostgresPool) async throws -> [Int] {
        let counts = try await OutboxCounts.read(from: pool)
        return [counts.due, counts.delayed, counts.held]
    }

    @Test("names the session that keeps vacuum from its work, and since when")
    func horizon() async throws {
        try await withTestDatabase { database in
            try await self.withPool(database) { pool in
                let pid: Int32 = try await database.value("SELECT pg_backend_pid()")
                try await database.script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM skillrelay.outbox")
                let vacuum = try await OutboxCounts.read(from: pool).vacuum
                #expect(vacuum.holder == Int(pid))
                #expect(try #require(vacuum.holderAge) >= 0)
                try await database.script("ROLLBACK")
                try await eventually("nobody holds it") {
                    try await OutboxCounts.read(from: pool).vacuum.holder != Int(pid)
                }
            }
        }
    }

    @Test("asking for the ages does not read the pending list, paused or not", arguments: ["k", "other"])
    func plan(paused: String) async throws {
        try await withTestDatabase { database in
            try await database.enqueue(2000)
            try await database.script(
                """
                INSERT INTO skillrelay.pauses SELECT exchange, '\(paused)', 'test', 'me' FROM skillrelay.outbox_pending LIMIT 1;
                ANALYZE skillrelay.outbox_pending
                """)
            let plan = try await database.values(
                "EXPLAIN (ANALYZE, BUFFERS, TIMING off) " + OutboxGauges.statement.sql, as: String.self
            ).joined(separator: "\n")
            #expect(!plan.contains("Seq Scan on outbox_pending"), "\(plan)")
        }
    }
}
