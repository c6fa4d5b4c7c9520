import Foundation
import Logging
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("Retention, on a real database", .timeLimit(.minutes(1)))
struct RetentionTests {
    /// Events of a day `daysAgo`, in its partition.
    private func fill(
        _ database: TestDatabase, daysAgo: Int, count: Int = 3, makesPartition: Bool = true
    ) async throws {
        if makesPartition {
            _ = try await database.value(
                "SELECT skillrelay.make_partition((now() AT TIME ZONE 'UTC')::date - $1)", [.int4(Int32(daysAgo))],
                as: Bool.self)
        }
        _ = try await database.values(
            """
            WITH written AS (
                INSERT INTO skillrelay.outbox (id, created_at, exchange, routing_key, payload)
                SELECT overlay(skillrelay.uuid7()::text PLACING
                    left(skillrelay.uuid7_floor(now() - $1 * interval '1 day')::text, 13) FROM 1 FOR 13)::uuid,
                    now() - $1 * interval '1 day', 'e', 'k', ''
                FROM generate_series(1, $2)
                RETURNING id
            ), batch AS (
                INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids, confirmed_at)
                SELECT ids[1], ids[cardinality(ids)], ids, now() - $1 * interval '1 day'
                FROM (SELECT array_agg(id ORDER BY id) AS ids FROM written) AS w
            )
            SELECT id FROM written
            """, [.int4(Int32(daysAgo)), .int4(Int32(count))], as: UUID.self)
    }

    private func keep(_ database: TestDatabase, days: Int = 30) async throws -> Retention.Result {
        var result = Retention.Result()
        try await Retention(days: days).run(into: &result, on: database.connection)
        return result
    }

    private func partitions(_ database: TestDatabase) async throws -> Int {
        try await database.value(
            "SELECT count(*) FROM pg_class WHERE relname ~ 'outbox_\\d{8}$' AND relkind = 'r'", as: Int.self)
    }

    @Test("days that are old enough go, with what tells of their events; the others stay, and the books balance")
    func old() async throws {
        try await withTestDatabase { database in
            let usual = try await self.partitions(database)
            for days in [40, 31, 29] { try await self.fill(database, daysAgo: days) }
            try await self.fill(database, daysAgo: 50, makesPartition: false)
            try await database.deliver(3)
            let preview = try await Retention(days: 30).preview(on: database.connection)
            let result = try await self.keep(database)
            #expect(result.dropped.count == 2 && result.kept.isEmpty && result.dropped == preview.dropped)
            #expect(result.events == 3 && result.deliveries == 3)
            #expect(try await self.partitions(database) == usual + 1)
            let books = try await OutboxVerification.run(since: nil, on: database.connection)
            #expect(books.committed == 6 && books.delivered == 6 && books.missing.count == 0 && books.stray.count == 0)
            #expect(try await self.keep(database) == Retention.Result())
        }
    }

    @Test(
        "a day with a pending or dead event is kept, and what tells of its others, and it is said",
        arguments: [
            "outbox_pending (id, exchange, routing_key) SELECT id, 'e', 'k'", "outbox_dead SELECT id, 5, 'poison'",
        ])
    func held(insert: String) async throws {
        try await withTestDatabase { database in
            for days in [40, 35] { try await self.fill(database, daysAgo: days) }
            try await self.fill(database, daysAgo: 50, makesPartition: false)
            try await self.fill(database, daysAgo: 60, makesPartition: false)
            try await database.script("INSERT INTO skillrelay.\(insert) FROM skillrelay.outbox_default LIMIT 1")
            try await database.script(
                """
                INSERT INTO skillrelay.\(insert) FROM skillrelay.outbox
                WHERE tableoid <> 'skillrelay.outbox_default'::regclass
                ORDER BY id LIMIT 1
                """)
            let result = try await self.keep(database)
            #expect(result.kept.count == 1 && result.dropped.count == 1 && result.events == 5)
            let books = try await OutboxVerification.run(since: nil, on: database.connection)
            #expect(books.committed == 4 && books.missing.count == 0 && books.stray.count == 0)
        }
    }

    @Test("a day that is in use is left for later: writers wait for half a second at most, and the rest goes")
    func busy() async throws {
        try await withTestDatabase { database in
            try await self.fill(database, daysAgo: 40)
            try await self.fill(database, daysAgo: 50, makesPartition: false)
            try await withTestConnection(to: database.url) { reader in
                try await withTestConnection(to: database.url) { writer in
                    try await reader.perform { session in
                        try session.begin()
                        try session.execute(PostgresStatement("test.read", "SELECT FROM skillrelay.outbox LIMIT 1"))
                    }
                    async let kept = self.keep(database)
                    try await eventually("retention waits for the lock") {
                        try await writer.perform { session in
                            try session.query(
                                PostgresStatement("test.waits", "SELECT count(*) FROM pg_locks WHERE NOT granted")
                            ) { row in try row.decode(Int.self) }[0] > 0
                        }
                    }
                    let start = ContinuousClock.now
                    _ = try await writer.perform { session in
                        try session.execute(PostgresStatement("test.write", "SELECT skillrelay.enqueue('e', 'k', '')"))
                    }
                    #expect(ContinuousClock.now - start < .seconds(1))
                    let result = try await kept
                    #expect(result.busy.count == 1 && result.dropped.isEmpty && result.events == 3)
                    try await reader.perform { session in try session.rollback() }
                }
            }
            #expect(try await self.keep(database).dropped.count == 1)
        }
    }

    @Test("a day that a run has yet to come by is kept until it has")
    func replayed() async throws {
        try await withTestDatabase { database in
            try await self.fill(database, daysAgo: 40)
            let run = try await database.replay()
            #expect(try await self.keep(database).kept.count == 1)
            #expect(try await database.finish(run).queued == 3)
            #expect(try await self.keep(database).dropped.count == 1)
        }
    }

    @Test("an event that was written a moment ago stays, whatever its id says")
    func oldID() async throws {
        try await withTestDatabase { database in
            try await database.script(
                """
                SELECT skillrelay.enqueue_as('01800000-0000-7000-8000-000000000001', 'e', 'k', '', '{}', NULL);
                DELETE FROM skillrelay.outbox_pending
                """)
            #expect(try await self.keep(database).events == 0)
        }
    }

    @Test("a purge is in the audit trail with what it has removed, also when it could not go on")
    func purge() async throws {
        try await withTestDatabase { database in
            for days in [40, 35] { try await self.fill(database, daysAgo: days) }
            try await database.script(
                """
                CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
                CREATE TRIGGER fail BEFORE DELETE ON skillrelay.outbox_deliveries EXECUTE FUNCTION fail()
                """)
            await #expect(throws: PostgresError.self) {
                try await Retention(days: 37).purge(.fixture(), on: database.connection)
            }
            try await database.script("DROP TRIGGER fail ON skillrelay.outbox_deliveries")
            let result = try await Retention(days: 30).purge(.fixture(), on: database.connection)
            #expect(result.dropped.count == 1 && result.deliveries == 2)
            let removed = try await database.values(
                """
                SELECT details #>> '{removed, dropped, 0}' = details #>> '{planned, 0}' AND by = 'ann'
                FROM skillrelay.actions WHERE action = 'purge'
                """, as: Bool.self)
            #expect(removed == [true, true])
        }
    }

    @Test("what a crash has left between taking a day out and dropping it is dropped by the next")
    func crash() async throws {
        try await withTestDatabase { database in
            let usual = try await self.partitions(database)
            try await self.fill(database, daysAgo: 40)
            let isRetired = try await database.value(
                "SELECT skillrelay.retire_partition((now() AT TIME ZONE 'UTC')::date - 40)", as: Bool.self)
            #expect(isRetired)
            #expect(try await self.partitions(database) == usual + 1)
            _ = try await self.keep(database)
            #expect(try await self.partitions(database) == usual)
        }
    }

    @Test("the service does it by itself, and of several one at a time")
    func service() async throws {
        try await withTestDatabase { database in
            let usual = try await self.partitions(database)
            for days in 31..<36 { try await self.fill(database, daysAgo: days) }
            let configuration = try PostgresConfiguration(connectionString: database.url)
            let keepers = (0..<3).map { _ in
                RetentionKeeper(
                    retention: Retention(days: 30), database: configuration, logger: Logger(label: "test"))
            }
            try await running(keepers[0], keepers[1], keepers[2]) {
                try await eventually("they are gone") { try await self.partitions(database) == usual }
            }
        }
    }
}
