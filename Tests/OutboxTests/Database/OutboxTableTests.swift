import Foundation
import Logging
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("The outbox tables", .timeLimit(.minutes(1)))
struct OutboxTableTests {
    @Test("enqueue returns the id of the one event and the one pending row it wrote")
    func enqueue() async throws {
        try await withTestDatabase { database in
            let id = try await database.value(
                #"SELECT skillrelay.enqueue('learning.skill', 'key', '\x7b7d', '{"a": "b", "n": 1}', 'SkillLearnTask')"#,
                as: UUID.self
            )
            let row = try await database.value(
                """
                SELECT concat_ws(' ', o.id, o.exchange, o.routing_key, type, payload, headers)
                FROM skillrelay.outbox AS o JOIN skillrelay.outbox_pending USING (id, exchange, routing_key)
                """,
                as: String.self
            )
            #expect(
                row
                    == #"\#(id.uuidString.lowercased()) learning.skill key SkillLearnTask \x7b7d {"a": "b", "n": 1}"#
            )
        }
    }

    @Test("ids drawn by the database and by Swift carry the time and sort alike")
    func ids() async throws {
        try await withTestDatabase { database in
            let mine = EventID.next()
            let skew = try await database.value(
                "SELECT abs(extract(epoch FROM clock_timestamp() - skillrelay.uuid7_time($1)))::double precision",
                [.uuid(mine)],
                as: Double.self
            )
            #expect(skew < 5)
            let theirs = try await database.value("SELECT skillrelay.uuid7()", as: UUID.self)
            #expect(Array(theirs.uuidString)[14] == "7")
            #expect("89AB".contains(Array(theirs.uuidString)[19]))
            #expect(mine.uuidString.prefix(6) == theirs.uuidString.prefix(6))
        }
    }

    @Test("one id is written once: the second write fails and changes nothing")
    func sameID() async throws {
        try await withTestDatabase { database in
            let event = NewEvent(exchange: "e", routingKey: "k", payload: [1])
            try await database.connection.perform { session in try event.enqueue(in: session) }
            await #expect {
                try await database.connection.perform { session in try event.enqueue(in: session) }
            } throws: { error in
                (error as? PostgresError)?.sqlState == .uniqueViolation
            }
            #expect(try await database.pendingCount() == 1)
        }
    }

    @Test(
        "what could never be published is refused when it is written",
        arguments: [
            "repeat('x', 256), 'k', ''", "'e', repeat('x', 256), ''", "'e', 'k', '', '{}', repeat('x', 256)",
            "'e', 'k', convert_to(repeat('x', 1048577), 'UTF8')", "'e', 'k', '', '[]'", #"'e', 'k', '', '{"a": {}}'"#,
            #"'e', 'k', '', '{"a": [1]}'"#, #"'e', 'k', '', '{"a": null}'"#,
            #"'e', 'k', '', '{"a": 0.5}'"#, #"'e', 'k', '', '{"a": 9223372036854775808}'"#,
            "'e', 'k', '', jsonb_build_object('a', repeat('x', 65536))",
            "'e', 'k', '', jsonb_build_object(repeat('x', 256), 'a')", "'e', 'k', '', '{\"\u{e9}\": \"a\"}'",
            #"'e', 'k', '', '{"": "a"}'"#, #"'e', 'k', '', '{"\u0001": "a"}'"#,
            "'e', 'k', '', jsonb_build_object('a', repeat('x', 300), '', 'a')",
        ]
    )
    func limits(arguments: String) async throws {
        try await withTestDatabase { database in
            await #expect {
                try await database.script("SELECT skillrelay.enqueue(\(arguments))")
            } throws: { error in
                (error as? PostgresError)?.sqlState == SQLState(rawValue: "23514")
            }
            let pending = try await database.pendingCount()
            #expect(pending == 0)
        }
    }

    @Test("a missing partition fails no write: its events go to the default one, and are delivered from there")
    func missingPartition() async throws {
        try await withTestDatabase { database in
            let today = try await database.value(
                "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')", as: String.self)
            try await database.script("DROP TABLE skillrelay.outbox_\(today)")
            try await database.enqueue(3)
            let places = try await database.values(
                "SELECT DISTINCT relname::text FROM skillrelay.outbox AS o JOIN pg_class AS c ON c.oid = o.tableoid",
                as: String.self
            )
            #expect(places == ["outbox_default"])
            // Making it now would fail those who are writing to the default partition.
            let made = try await database.value(
                "SELECT skillrelay.make_partition((now() AT TIME ZONE 'UTC')::date)", as: Bool.self
            )
            #expect(!made)
            try await running(try database.relay(ScriptedPublisher())) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
        }
    }

    @Test("partitions are made for the days to come, once, also by several at the same time")
    func partitionsAhead() async throws {
        try await withTestDatabase { database in
            let tomorrow = try await database.value(
                "SELECT to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD')", as: String.self
            )
            try await database.script("DROP TABLE skillrelay.outbox_\(tomorrow)")
            let pool = PostgresPool(
                configuration: try PostgresConfiguration(connectionString: database.url), size: 4,
                logger: Logger(label: "test")
            )
            let keepers = (0..<4).map { _ in PartitionKeeper(pool: pool, logger: Logger(label: "test")) }
            try await running(pool, keepers[0], keepers[1], keepers[2], keepers[3]) {
                try await eventually("tomorrow's partition is there") {
                    try await database.value(
                        "SELECT to_regclass('skillrelay.outbox_\(tomorrow)') IS NOT NULL", as: Bool.self
                    )
                }
            }
            let missing = try await database.value(
                """
                SELECT count(*) FROM generate_series(0, 7) AS n
                WHERE to_regclass('skillrelay.outbox_' || to_char((now() AT TIME ZONE 'UTC')::date + n, 'YYYYMMDD')) IS NULL
                """,
                as: Int.self
            )
            #expect(missing == 0)
        }
    }

    @Test("the claim looks each event up by its key, also with statistics from a quiet time")
    func claimPlan() async throws {
        try await withTestDatabase { database in
            try await database.script("ANALYZE skillrelay.outbox_pending; ANALYZE skillrelay.outbox")
            try await database.enqueue(50_000)
            try await running(try database.relay(ScriptedPublisher())) {
                try await eventually("nothing is pending", within: .seconds(60)) {
                    try await database.pendingCount() == 0
                }
            }
            let scans = try await database.value(
                "SELECT coalesce(sum(seq_scan), 0)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'outbox_2%'",
                as: Int.self
            )
            #expect(scans == 0)
        }
    }

    @Test("the status view tells what is pending, how old, and what is dead")
    func statusView() async throws {
        try await withTestDatabase { database in
            let status =
                "SELECT concat_ws(' ', pending, delayed, dead, oldest_pending_age_seconds) FROM skillrelay.relay_status"
            #expect(try await database.value(status) == "0 0 0 0")
            try await database.enqueue(2)
            try await database.script(
                "UPDATE skillrelay.outbox_pending SET next_attempt_at = now() + interval '1 hour' WHERE seq = 1")
            try await eventually("the age grows") {
                let age = try await database.value(
                    "SELECT oldest_pending_age_seconds FROM skillrelay.relay_status", as: Double.self
                )
                return age > 0.05 && age < 60
            }
            #expect(try await database.value("SELECT pending || ' ' || delayed FROM skillrelay.relay_status") == "2 1")
        }
    }
}
