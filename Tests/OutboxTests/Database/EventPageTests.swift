import Foundation
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("Lists of events, on a real database", .timeLimit(.minutes(1)))
struct EventPageTests {
    private func page(
        _ database: TestDatabase, _ filter: EventFilter, after cursor: String? = nil, newestFirst: Bool = true,
        limit: Int = 50
    ) async throws -> EventPage {
        try await database.connection.perform { session in
            try EventPage.read(
                filter, after: cursor.flatMap { UUID(uuidString: $0) }, newestFirst: newestFirst, limit: limit,
                in: session
            )
        }
    }

    private func ids(_ database: TestDatabase, _ fields: (EventFilter.Field, String)...) async throws -> Set<String> {
        var filter = EventFilter()
        for (field, text) in fields { try filter.set(field, to: text) }
        let page = try await self.page(database, filter)
        let estimate = try await database.connection.perform { [filter] session in
            try EventEstimate.read(filter, rate: nil, in: session)
        }
        // Both mean the same events.
        #expect(estimate.count == page.items.count)
        return Set(page.items.map(\.id))
    }

    @Test("by state, destination, type, error, id and time")
    func filters() async throws {
        try await withTestDatabase { database in
            // One in each state, which is its routing key.
            try await database.deliver(1, key: "delivered")
            try await database.enqueue(1, key: "discarded")
            try await database.park(error: "malformed")
            try await database.connection.perform { session in
                _ = try Discard.run(EventFilter(), .fixture(), in: session)
            }
            try await database.enqueue(1, key: "dead")
            try await database.park(error: "100% too LARGE")
            try await database.enqueue(1, key: "pending")
            let events = try await self.page(database, EventFilter()).items
            #expect(events.count == 4 && events.allSatisfy { $0.state.rawValue == $0.routingKey })
            let id = Dictionary(uniqueKeysWithValues: events.map { ($0.state.rawValue, $0.id) })
            func all(_ states: String...) -> Set<String> { Set(states.compactMap { id[$0] }) }
            for state in EventState.allCases.map(\.rawValue) {
                #expect(try await self.ids(database, (.state, state)) == all(state))
                #expect(try await self.ids(database, (.routingKey, state)) == all(state))
            }
            #expect(try await self.ids(database, (.state, "dead,pending")) == all("dead", "pending"))
            #expect(try await self.ids(database, (.state, "delivered,pending")) == all("delivered", "pending"))
            #expect(try await self.ids(database, (.error, "too large")) == all("dead"))
            #expect(try await self.ids(database, (.error, "100%")) == all("dead"))
            #expect(try await self.ids(database, (.error, "a")) == all("dead", "discarded"))
            #expect(try await self.ids(database, (.error, "too"), (.state, "delivered")) == [])
            let some = all("delivered", "discarded")
            #expect(try await self.ids(database, (.id, "\(some.joined(separator: ",")),\(UUID())")) == some)
            #expect(try await self.ids(database, (.id, all("delivered").first ?? ""), (.state, "dead")) == [])
            #expect(try await self.ids(database, (.exchange, "e"), (.since, "1h")).count == 4)
            #expect(try await self.ids(database, (.exchange, "other")) == [])
            #expect(try await self.ids(database, (.type, "T")) == [])
            #expect(try await self.ids(database, (.until, "1h")) == [])
            #expect(try await self.ids(database, (.since, "0001-01-01"), (.until, "9999-12-31")).count == 4)
        }
    }

    @Test("a project, session or task is found in whatever JSON is written around it, and no payload is an error")
    func payload() async throws {
        try await withTestDatabase { database in
            let (project, task) = (UUID().lowercased, UUID().lowercased)
            try await database.script(
                """
                SELECT skillrelay.enqueue('e', 'k', p) FROM unnest(ARRAY[
                    convert_to('{"project_id":"\(project)","task_id":"\(task)"}', 'UTF8'),
                    convert_to('{ "task_id" : "\(task)", "session_id": "\(project)" }', 'UTF8'),
                    convert_to('{"other_id":"\(task)"}', 'UTF8'), convert_to('\(task)', 'UTF8'), '\\xff00fe'::bytea,
                    '\\xff'::bytea || convert_to('"task_id":"\(task)"', 'UTF8'), ''::bytea, '\\x5c22'::bytea]) AS p
                """)
            let page = try await self.page(database, try .fixture((.task, task)), newestFirst: false)
            #expect(page.items.count == 3)
            #expect(try await self.ids(database, (.task, task), (.project, project)).count == 1)
            #expect(try await self.ids(database, (.session, project)).count == 1)
            #expect(try await self.ids(database, (.session, task)) == [])
            let all = try await self.page(database, EventFilter()).items
            #expect(all.count == 8 && all.allSatisfy { $0.payloadStart.utf8.count <= 600 })
        }
    }

    @Test("pages follow each other in both orders, without a gap and without an event twice", arguments: [true, false])
    func pages(newestFirst: Bool) async throws {
        try await withTestDatabase { database in
            try await database.enqueue(25)
            var seen: [String] = []
            var cursor: String?
            var sizes: [Int] = []
            repeat {
                let page = try await self.page(
                    database, EventFilter(), after: cursor, newestFirst: newestFirst, limit: 10)
                #expect(page.hasMore == (page.nextCursor != nil))
                seen += page.items.map(\.id)
                sizes.append(page.items.count)
                cursor = page.nextCursor
            } while cursor != nil
            let all = try await database.ids().map(\.lowercased)
            #expect(sizes == [10, 10, 5] && seen == (newestFirst ? all.reversed() : all))
        }
    }

    @Test("a search that takes longer than a statement may says so")
    func tooLong() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(1)
            try await withTestConnection(to: database.url) { blocker in
                try await blocker.perform { session in
                    try session.script("BEGIN; LOCK TABLE skillrelay.outbox IN ACCESS EXCLUSIVE MODE")
                }
                let error = await #expect(throws: OperationError.self) {
                    try await database.connection.perform { session in
                        try session.transaction(statementTimeout: .milliseconds(200)) {
                            try EventPage.read(.fixture((.type, "T")), limit: 10, in: session)
                        }
                    }
                }
                #expect(error == .tooLong("the search took too long: narrow it, with since and until"))
            }
        }
    }

    @Test("an estimate says how many, how large, from when to when, where to, and whether that flows")
    func estimate() async throws {
        try await withTestDatabase { database in
            try await database.deliver(12)
            try await database.deliver(2, key: "held")
            try await database.connection.perform { session in
                try OperatorPause.pause(Destination(exchange: "e", routingKey: "held"), .fixture(), in: session)
            }
            let estimate = try await database.connection.perform { session in
                try EventEstimate.read(.fixture((.state, "delivered")), rate: 7, in: session)
            }
            // Payloads are "1" to "12", and "1" and "2".
            #expect(estimate.count == 14 && estimate.payloadBytes == 9 + 6 + 2)
            #expect(estimate.destinations.map(\.events) == [12, 2])
            #expect(estimate.destinations.map(\.state) == ["flowing", "paused"])
            #expect(estimate.sample.count == 5 && estimate.seconds == 2)
            let (oldest, newest) = (try #require(estimate.oldestAt), try #require(estimate.newestAt))
            #expect(oldest < newest)
            let none = try await database.connection.perform { session in
                try EventEstimate.read(.fixture((.state, "dead")), rate: nil, in: session)
            }
            #expect(none.count == 0 && none.oldestAt == nil && none.sample.isEmpty && none.seconds == nil)
        }
    }
}
