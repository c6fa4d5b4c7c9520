import Foundation
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("The outbox at a glance, on a real database", .timeLimit(.minutes(1)))
struct OutboxStatsTests {
    private func stats(_ database: TestDatabase) async throws -> OutboxStats {
        try await database.connection.perform { session in try OutboxStats.read(in: session) }
    }

    @Test("an empty outbox is all zeros")
    func empty() async throws {
        try await withTestDatabase { database in
            let stats = try await self.stats(database)
            #expect(stats.pending.count == 0 && stats.pending.oldestAt == nil && stats.pending.oldestAgeSeconds == 0)
            #expect(stats.dead.count == 0 && stats.dead.byError.isEmpty && stats.discarded == 0)
            #expect(stats.delivered.lastAt == nil && stats.delivered.perMinute == Array(repeating: 0, count: 60))
            #expect(stats.destinations.isEmpty && stats.relays.isEmpty && stats.pause == nil)
            #expect(stats.partitions.last?.name == "outbox_default" && stats.partitions.count > 7)
            #expect(stats.tables.contains { $0.name == "outbox_pending" && $0.bytes > 0 })
        }
    }

    @Test("what is pending is counted by destination: due, delayed, in flight until it is let go, and its age")
    func pending() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(3)
            try await database.enqueue(1, key: "other")
            try await database.script(
                """
                UPDATE skillrelay.outbox_pending SET next_attempt_at = now() + interval '1 hour' WHERE routing_key = 'other'
                """)
            let gate = Gate()
            let publisher = ScriptedPublisher(
                script: { _ in .unsent("the broker went away") }, staysReady: false, beforeAnswer: { await gate.wait() }
            )
            try await running(try database.relay(publisher)) {
                defer { gate.open() }
                let stats = try await eventually("a batch is under way") {
                    let stats = try await self.stats(database)
                    return stats.pending.inFlight > 0 ? stats : nil
                }
                #expect(stats.pending.count == 4 && stats.pending.due == 3 && stats.pending.delayed == 1)
                #expect(stats.pending.inFlight == 3)
                #expect(stats.destinations.map(\.routingKey) == ["k", "other"])
                #expect(stats.destinations.map(\.events) == [3, 1])
                let age = try #require(stats.pending.oldestDueAt)
                #expect(stats.pending.oldestAt == age && (0..<60).contains(stats.pending.oldestAgeSeconds))
            }
            #expect(try await self.stats(database).pending.inFlight == 0)
        }
    }

    @Test("a destination that is paused or fails says so, and why, with or without events")
    func destinations() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(1)
            try await database.connection.perform { session in
                try OperatorPause.pause(Destination(exchange: "e", routingKey: "held"), .fixture(), in: session)
            }
            try await database.script(
                """
                INSERT INTO skillrelay.relays (instance, host, pid, version, broker, destinations) VALUES (
                    gen_random_uuid(), 'h', 7, '1', 'connected',
                    '[{"exchange": "e", "routing_key": "k", "since": "2026-11-28T01:02:03Z", "error": "NO_ROUTE"}]');
                INSERT INTO skillrelay.relays (instance, host, pid, version, broker, broker_error, seen_at) VALUES (
                    gen_random_uuid(), 'gone', 8, '1', 'away', 'refused', now() - interval '10 minutes')
                """)
            let stats = try await self.stats(database)
            #expect(stats.destinations.map(\.state) == ["failing", "paused"])
            #expect(stats.destinations[0].failure?.error == "NO_ROUTE")
            #expect(stats.destinations[1].pause?.reason == "a test" && stats.destinations[1].events == 0)
            #expect(stats.relays.map(\.isAlive) == [true, false] && stats.relays[1].brokerError == "refused")
            try await database.connection.perform { session in
                try OperatorPause.pause(nil, .fixture(), in: session)
            }
            let paused = try await self.stats(database)
            #expect(paused.pause?.pausedBy == "ann" && paused.destinations.allSatisfy { $0.state == "paused" })
        }
    }

    @Test("dead events are grouped by error, with their times and a sample")
    func dead() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(5)
            try await database.park(error: "too large")
            try await database.enqueue(1)
            try await database.park(error: "malformed")
            let dead = try await self.stats(database).dead
            #expect(dead.count == 6 && dead.byError.map(\.error) == ["too large", "malformed"])
            #expect(dead.byError.map(\.count) == [5, 1] && dead.byError.map(\.sample.count) == [3, 1])
            #expect(dead.oldestAt == dead.byError[0].firstAt)
        }
    }

    @Test("what was delivered is counted by the minute, for an hour, wherever the hour begins among the batches")
    func delivered() async throws {
        try await withTestDatabase { database in
            // One batch of two events every 7 minutes for two days, with gaps in their numbers.
            try await database.script(
                """
                INSERT INTO skillrelay.outbox_deliveries (batch, least, greatest, ids, confirmed_at)
                OVERRIDING SYSTEM VALUE
                SELECT 10000 - n * 3, id, id, ARRAY[id, id], now() - n * interval '7 minutes' - interval '10 seconds'
                FROM generate_series(0, 400) AS n, (VALUES (gen_random_uuid())) AS v (id)
                """)
            let delivered = try await self.stats(database).delivered
            #expect(delivered.lastHour == 18 && delivered.lastMinute == 2)
            #expect(delivered.perMinute.count == 60)
            let minutes = delivered.perMinute.indices.filter { delivered.perMinute[$0] > 0 }
            #expect(minutes == [3, 10, 17, 24, 31, 38, 45, 52, 59])
            #expect(delivered.lastAt != nil)
        }
    }
}
