import Foundation
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("The events of a subject, on a real database", .timeLimit(.minutes(1)))
struct SubjectEventTests {
    private static func write(_ database: TestDatabase, _ subject: UUID, _ count: Int = 1) async throws {
        for _ in 0..<count {
            try await database.script(
                "SELECT skillrelay.enqueue_as(skillrelay.uuid7(), 'e', 'k', '1', '{}', 'T', '\(subject)')")
        }
    }

    private static func deliver(_ database: TestDatabase) async throws {
        try await running(try database.relay(ScriptedPublisher())) {
            try await eventually("all are delivered") { try await database.pendingCount() == 0 }
        }
    }

    private static func read(
        _ database: TestDatabase, _ subject: UUID, after cursor: UUID? = nil, limit: Int = 100
    ) async throws -> [SubjectEvent] {
        try await database.connection.perform { session in
            try SubjectEvent.read(subject: subject, after: cursor, limit: limit, in: session)
        }
    }

    @Test("each is in its state, with its confirmations and the runs that have queued it again")
    func stories() async throws {
        try await withTestDatabase { database in
            let subject = UUID()
            try await Self.write(database, subject)
            try await Self.write(database, UUID(), 3)
            try await database.script("SELECT skillrelay.enqueue('e', 'k', 'of nobody')")
            let pending = try #require(try await Self.read(database, subject).first)
            #expect(pending.event.state == .pending && pending.event.type == "T" && pending.event.attempts == 0)
            #expect(pending.confirmations.isEmpty && pending.replays.isEmpty)

            try await Self.deliver(database)
            let delivered = try #require(try await Self.read(database, subject).first)
            #expect(delivered.event.state == .delivered && delivered.event.attempts == nil)
            #expect(delivered.confirmations.count == 1 && delivered.replays.isEmpty)

            let id = delivered.event.id
            let again = try await database.finish(try await database.replay(.replay, .fixture((.id, id))))
            let copy = try await database.finish(try await database.replay(.replay, .fixture((.id, id)), asNew: true))
            let events = try await Self.read(database, subject)
            #expect(events.count == 2)
            #expect(events[0].confirmations.count == 1 && events[0].replays.isEmpty)
            #expect(events[1].event.id == id && events[1].confirmations.count == 2)
            #expect(events[1].confirmations[0] == delivered.confirmations[0])
            #expect(events[1].confirmations[0] < events[1].confirmations[1])
            #expect(events[1].replays.map(\.id) == [again.id, copy.id].compactMap { UUID(uuidString: $0) })
            #expect(events[1].replays.map { $0.newID?.uuidString.lowercased() } == [nil, events[0].event.id])
        }
    }

    @Test("a dead one says why, a retried one when it came through after all")
    func dead() async throws {
        try await withTestDatabase { database in
            let subject = UUID()
            try await Self.write(database, subject)
            try await database.park()
            let dead = try #require(try await Self.read(database, subject).first)
            #expect(dead.event.state == .dead && dead.event.lastError == "poison" && dead.event.attempts == 5)
            #expect(dead.confirmations.isEmpty)
            _ = try await database.finish(try await database.replay(.retry))
            let retried = try #require(try await Self.read(database, subject).first)
            #expect(retried.event.state == .delivered)
            #expect(retried.confirmations.count == 1 && retried.replays.count == 1)
        }
    }

    @Test("the newest come first, and the next page begins after the last of the one before")
    func pages() async throws {
        try await withTestDatabase { database in
            let subject = UUID()
            try await Self.write(database, subject, 5)
            let all = try await Self.read(database, subject).map(\.event.id)
            #expect(all == all.sorted().reversed() && all.count == 5)
            var pages: [[String]] = []
            repeat {
                let last = pages.last?.last.flatMap { UUID(uuidString: $0) }
                pages.append(try await Self.read(database, subject, after: last, limit: 2).map(\.event.id))
            } while pages.last?.isEmpty == false
            #expect(pages.map(\.count) == [2, 2, 1, 0] && pages.flatMap(\.self) == all)
        }
    }

    @Test("finding them reads no history, however long that is")
    func plan() async throws {
        try await withTestDatabase { database in
            let subject = UUID()
            try await Self.write(database, subject, 3)
            try await database.script(
                """
                SELECT skillrelay.enqueue_as(skillrelay.uuid7(), 'e', 'k', '1', '{}', 'T', gen_random_uuid())
                FROM generate_series(1, 20000);
                WITH batch AS (
                    SELECT array_agg(id ORDER BY id) AS ids FROM skillrelay.outbox_pending GROUP BY seq / 4
                )
                INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids) SELECT ids[1], ids[cardinality(ids)], ids FROM batch
                ORDER BY ids[1];
                DELETE FROM skillrelay.outbox_pending;
                ANALYZE skillrelay.outbox; ANALYZE skillrelay.outbox_deliveries;
                """)
            _ = try await Self.read(database, subject)
            let time = try await ContinuousClock().measure {
                let events = try await Self.read(database, subject)
                #expect(events.map(\.confirmations.count) == [1, 1, 1])
            }
            #expect(time < .milliseconds(100), "\(time)")
        }
    }
}
