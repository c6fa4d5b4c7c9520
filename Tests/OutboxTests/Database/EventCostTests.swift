import Foundation
import Postgres
import Support
import Testing

@testable import Outbox

/// Bounds that hold on any machine: they keep the speed from rotting.
@Suite("What an event costs the database", .timeLimit(.minutes(1)))
struct EventCostTests {
    private static let events = 1024
    private static let batch = 256

    @Test("four full batches are four transactions, and little more WAL than the rows they write")
    func relay() async throws {
        try await withTestDatabase { database in
            // Pages that are written whole, once after each checkpoint, are paid for here.
            try await Self.drain(database)
            let start = try await Self.meter(database)
            try await Self.enqueue(database)
            let inserted = try await Self.meter(database)
            try await Self.drain(database)
            let end = try await Self.meter(database)
            let batches = try await database.values(
                "SELECT cardinality(ids) FROM skillrelay.outbox_deliveries", as: Int.self)
            #expect(batches == Array(repeating: Self.batch, count: Self.events / Self.batch))
            // The second meter's own, and a few that autovacuum may add in other databases.
            #expect(end.transactions - inserted.transactions <= Int64(batches.count + 1 + 2))
            let insertBytes = (inserted.walBytes - start.walBytes) / Int64(Self.events)
            let relayBytes = (end.walBytes - inserted.walBytes) / Int64(Self.events)
            #expect(insertBytes <= 800 && relayBytes <= 220, "\(insertBytes) and \(relayBytes) bytes of WAL an event")
        }
    }

    @Test("an event leaves one dead row behind, a narrow one, and no row is ever updated")
    func deadRows() async throws {
        try await withTestDatabase { database in
            try await Self.enqueue(database)
            try await Self.drain(database)
            // Counted when a session next reports what it did.
            try await eventually("the server has counted the rows") {
                try await Self.writes(database)
                    == [
                        "outbox 1024 inserted, 0 updated, 0 deleted",
                        "outbox_deliveries 4 inserted, 0 updated, 0 deleted",
                        "outbox_pending 1024 inserted, 0 updated, 1024 deleted",
                    ]
            }
        }
    }

    /// The least time of several counts: what a busy machine adds is not the event's.
    @Test("the trace context of an event does not double what it costs to write")
    func traceContext() async throws {
        try await withTestDatabase { database in
            let context =
                #"{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1"}"#
            var times: [String: Duration] = [:]
            for _ in 0..<5 {
                for headers in ["{}", context] {
                    let time = try await ContinuousClock().measure {
                        try await database.script(
                            """
                            SELECT count(skillrelay.enqueue('e', 'k', 'body', '\(headers)'))
                            FROM generate_series(1, 2000)
                            """
                        )
                    }
                    times[headers] = min(times[headers] ?? time, time)
                }
            }
            let (without, with) = (try #require(times["{}"]), try #require(times[context]))
            #expect(with < without * 2)
        }
    }

    @Test(
        "a claim reads a batch by its keys, however many wait behind it and whatever the statistics say of them",
        arguments: [false, true])
    func plan(isAnalyzed: Bool) async throws {
        try await withTestDatabase { database in
            // Autovacuum would come in the middle of it, or not.
            try await database.script(
                """
                ALTER TABLE skillrelay.outbox_pending SET (autovacuum_enabled = off);
                ANALYZE skillrelay.outbox_pending;
                """)
            try await Self.enqueue(database, count: 20_000)
            if isAnalyzed { try await database.script("ANALYZE skillrelay.outbox_pending") }
            try await database.script("SET \(Claim.planning)")
            let plan = try await database.values(
                "EXPLAIN (ANALYZE, BUFFERS, TIMING off) " + Claim.statement.sql,
                [.int8(Int64(Self.batch)), .int8(1 << 20), .int8(0), .int8(ClaimFloor.widest)]
                    + Claim.Scope.allBut([]).parameters,
                as: String.self)
            let executed = plan.filter { !$0.contains("never executed") }.joined(separator: "\n")
            #expect(executed.contains("Index Scan using outbox_pending_pkey"), "\(executed)")
            #expect(!executed.contains("Seq Scan on outbox_pending "), "\(executed)")
            #expect(!executed.contains("Sort Key: outbox_pending"), "\(executed)")
            let pages = executed.firstMatch(of: #/shared hit=(\d+)/#).flatMap { Int($0.1) } ?? .max
            // A path through two indexes and a row in each table, for each event.
            #expect(pages <= 8 * Self.batch, "\(pages) pages:\n\(executed)")
        }
    }

    private static func writes(_ database: TestDatabase) async throws -> [String] {
        try await database.values(
            """
            SELECT format('%s %s inserted, %s updated, %s deleted', name, sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del))
            FROM (
                SELECT regexp_replace(relname, '_(\\d+|default)$', '') AS name, * FROM pg_stat_user_tables
                WHERE schemaname = 'skillrelay' AND relname ~ '^outbox'
            ) AS t
            GROUP BY name HAVING sum(n_tup_ins) > 0 ORDER BY name
            """)
    }

    private static func enqueue(_ database: TestDatabase, count: Int = Self.events) async throws {
        // With a subject, as those of tasks and messages: it is in an index.
        try await database.script(
            """
            SELECT skillrelay.enqueue_as(
                skillrelay.uuid7(), 'e', 'k', decode(repeat('ab', 149), 'hex'), '{}', NULL, gen_random_uuid())
            FROM generate_series(1, \(count))
            """)
    }

    /// Writing transactions so far, and bytes of WAL.
    private static func meter(_ database: TestDatabase) async throws -> (transactions: Int64, walBytes: Int64) {
        (
            try await database.value("SELECT pg_current_xact_id()::text::bigint"),
            try await database.value("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        )
    }

    private static func drain(_ database: TestDatabase) async throws {
        let publisher = ScriptedPublisher()
        try await running(try database.relay(publisher)) {
            try await eventually("all are delivered") { try await database.pendingCount() == 0 }
        }
    }
}
