import Postgres
import Support
import Testing

@testable import Outbox

@Suite("Discarding, on a real database", .timeLimit(.minutes(1)))
struct DiscardTests {
    private func discard(_ filter: EventFilter, _ database: TestDatabase) async throws -> Int {
        try await database.connection.perform { session in try Discard.run(filter, .fixture(), in: session) }
    }

    @Test("dead events that fit are given up, with the reason, and the books still balance")
    func discards() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(2)
            try await database.park(error: "too large: 406")
            try await database.enqueue(1)
            try await database.park(error: "no such thing")
            try await database.deliver(1)
            #expect(try await self.discard(.fixture((.error, "TOO LARGE")), database) == 2)
            let row = try await database.values(
                "SELECT DISTINCT concat_ws('|', attempts, last_error, discarded_by, reason) FROM skillrelay.outbox_discarded",
                as: String.self)
            #expect(row == ["5|too large: 406|ann|a test"])
            #expect(try await database.value("SELECT dead FROM skillrelay.relay_status", as: Int.self) == 1)
            let books = try await OutboxVerification.run(since: nil, on: database.connection)
            #expect(books.discarded == 2 && books.dead == 1 && books.delivered == 1 && books.missing.count == 0)
            #expect(try await database.actions().map(\.action) == ["discard"])
        }
    }

    @Test("only dead events can be discarded; anything else says so and changes nothing")
    func refused() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(1)
            let id = try await database.ids()[0].lowercased
            await #expect(throws: OperationError.notFound("no dead event fits")) {
                try await self.discard(EventFilter(), database)
            }
            await #expect(throws: OperationError.conflict("event \(id) is pending and on its way")) {
                try await self.discard(.fixture((.id, id)), database)
            }
            await #expect(throws: OperationError.invalid("discard takes no delivered events")) {
                try await self.discard(.fixture((.state, "delivered")), database)
            }
            #expect(try await database.actions().isEmpty)
        }
    }
}
