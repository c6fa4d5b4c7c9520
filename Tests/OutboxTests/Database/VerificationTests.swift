import Foundation
import Postgres
import Support
import Testing

@testable import Outbox

/// Each book is falsified by hand, and the verification must object.
@Suite("Verifying the outbox", .timeLimit(.minutes(1)))
struct VerificationTests {
    private func verify(_ database: TestDatabase, since: PostgresTimestamp? = nil) async throws -> OutboxVerification {
        try await OutboxVerification.run(since: since, on: database.connection)
    }

    /// Three events delivered, one parked, one pending.
    private func fill(_ database: TestDatabase) async throws {
        try await database.enqueue(3)
        try await running(try database.relay(ScriptedPublisher())) {
            try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
        }
        try await database.enqueue(2)
        try await database.script(
            """
            WITH parked AS (
                DELETE FROM skillrelay.outbox_pending
                WHERE seq = (SELECT min(seq) FROM skillrelay.outbox_pending) RETURNING id)
            INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) SELECT id, 5, 'poison' FROM parked
            """
        )
    }

    @Test("pending, dead and delivered events add up to what is committed, and an empty outbox to nothing")
    func clean() async throws {
        try await withTestDatabase { database in
            let empty = try await self.verify(database)
            #expect(empty.committed == 0 && empty.missing.count == 0 && empty.stray.count == 0)
            try await self.fill(database)
            let books = try await self.verify(database)
            let counts: [Int] = [books.committed, books.delivered, books.dead, books.pending]
            #expect(counts == [5, 3, 1, 1])
            #expect(books.missing.count == 0)
            #expect(books.stray.count == 0)
        }
    }

    @Test(
        "an event that vanished from a book is missing",
        arguments: [
            "DELETE FROM skillrelay.outbox_pending RETURNING id", "DELETE FROM skillrelay.outbox_dead RETURNING id",
            "UPDATE skillrelay.outbox_deliveries SET ids = ids[2:] RETURNING least",
        ]
    )
    func missing(theft: String) async throws {
        try await withTestDatabase { database in
            try await self.fill(database)
            let stolen = try await database.values(theft, as: UUID.self)
            let books = try await self.verify(database)
            #expect(books.missing.count == 1)
            #expect(books.missing.ids == stolen.map { $0.uuidString.lowercased() })
            #expect(books.stray.count == 0)
        }
    }

    @Test("what is delivered, pending or dead and was never committed is stray")
    func stray() async throws {
        try await withTestDatabase { database in
            try await self.fill(database)
            let id = try await database.value("SELECT skillrelay.uuid7()", as: UUID.self)
            try await database.script(
                "INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids) VALUES ('\(id)', '\(id)', ARRAY['\(id)'::uuid])"
            )
            let books = try await self.verify(database)
            #expect(books.stray.ids == [id.uuidString.lowercased()])
            #expect(books.missing.count == 0)
        }
    }

    @Test("deliveries whose events were dropped with their day are not stray, and --since leaves out what is older")
    func bounds() async throws {
        try await withTestDatabase { database in
            try await database.script(
                """
                INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids)
                SELECT id, id, ARRAY[id] FROM (SELECT skillrelay.uuid7_floor(now() - interval '90 days') AS id) AS old
                """
            )
            try await self.fill(database)
            #expect(try await self.verify(database).stray.count == 0)
            let later = try await database.value("SELECT now() + interval '1 minute'", as: PostgresTimestamp.self)
            #expect(try await self.verify(database, since: later).committed == 0)
        }
    }

    @Test("a tap is compared with what was confirmed for its destination")
    func tap() async throws {
        try await withTestDatabase { database in
            try await self.fill(database)
            let delivered = try await database.deliveredIDs()
            let foreign = UUID()
            let comparison = try await TapVerification.run(
                ids: Set(delivered.dropFirst() + [foreign]), destination: Destination(exchange: "e", routingKey: "k"),
                since: PostgresTimestamp(unixMicroseconds: 0), until: TapVerification.now(on: database.connection),
                on: database.connection
            )
            #expect(comparison.delivered == 3)
            #expect(comparison.missing.ids == [delivered[0].uuidString.lowercased()])
            #expect(comparison.stray.ids == [foreign.uuidString.lowercased()])
            let elsewhere = try await TapVerification.run(
                ids: [], destination: Destination(exchange: "e", routingKey: "other"),
                since: PostgresTimestamp(unixMicroseconds: 0), until: TapVerification.now(on: database.connection),
                on: database.connection
            )
            #expect(elsewhere.delivered == 0 && elsewhere.missing.count == 0)
        }
    }
}
