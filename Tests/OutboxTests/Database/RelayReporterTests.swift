import InMemoryLogging
import Logging
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("What a relay tells of itself", .timeLimit(.minutes(1)))
struct RelayReporterTests {
    @Test("a row while it runs, with what fails and why, and none after a clean stop; one not seen for long is removed")
    func reports() async throws {
        try await withTestDatabase { database in
            try await database.script(
                """
                INSERT INTO skillrelay.relays (instance, host, pid, version, broker, seen_at)
                SELECT gen_random_uuid(), 'gone', 1, '0', 'away', now() - interval '2 hours'
                """)
            try await database.enqueue(1, key: "bad")
            let publisher = ScriptedPublisher { _ in .destinationFault("returned: 312 NO_ROUTE") }
            let relay = try database.relay(publisher)
            let pool = try database.pool()
            let reporter = RelayReporter(
                instance: RelayInstance(version: "1"), relay: relay, publisher: publisher, pool: pool,
                logger: Logger(label: "test")
            )
            try await running(pool, relay) {
                try await eventually("it fails") { !relay.failingDestinations.isEmpty }
                try await running(reporter) {
                    try await eventually("it is seen") {
                        try await database.value(
                            "SELECT concat_ws(' ', relays_seen, relays_connected, paused_destinations) FROM skillrelay.relay_status"
                        )
                            == "1 1 1"
                    }
                    let row = try await database.values(
                        """
                        SELECT concat_ws(' ', version, broker, destinations -> 0 ->> 'routing_key', destinations -> 0 ->> 'error',
                            (destinations -> 0 ->> 'since')::timestamptz BETWEEN now() - interval '1 minute' AND now() + interval '1 second')
                        FROM skillrelay.relays
                        """, as: String.self)
                    #expect(row == ["1 connected bad returned: 312 NO_ROUTE t"])
                }
                #expect(try await database.value("SELECT count(*) FROM skillrelay.relays", as: Int.self) == 0)
            }
        }
    }

    @Test("when it cannot tell for the second time in a row, it warns once")
    func unheard() async throws {
        try await withTestDatabase { database in
            try await database.script("DROP TABLE skillrelay.relays CASCADE")
            let log = InMemoryLogHandler()
            let publisher = ScriptedPublisher()
            let pool = try database.pool()
            let reporter = RelayReporter(
                instance: RelayInstance(version: "1"), relay: try database.relay(publisher), publisher: publisher,
                pool: pool, logger: Logger(label: "test") { _ in log }
            )
            try await running(pool, reporter) {
                try await eventually("it warns") { log.entries.contains { $0.level == .warning } }
            }
            #expect(log.entries.count == 1)
        }
    }

    @Test("what was queued again is as old as that, not as its id")
    func age() async throws {
        try await withTestDatabase { database in
            try await database.deliver(1)
            try await database.script(
                """
                INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key, queued_at)
                SELECT overlay(id::text PLACING '00' FROM 1 FOR 2)::uuid, exchange, routing_key, now() FROM skillrelay.outbox
                """)
            #expect(
                try await database.value(
                    "SELECT oldest_pending_age_seconds < 10 AND oldest_due_age_seconds < 10 FROM skillrelay.relay_status",
                    as: Bool.self))
        }
    }
}
