import Foundation
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("An event's story, on a real database", .timeLimit(.minutes(1)))
struct EventStoryTests {
    private func story(_ id: UUID, _ database: TestDatabase) async throws -> EventStory {
        try await database.connection.perform { session in try EventStory.read(id, in: session) }
    }

    @Test("written, confirmed, queued again by a run, confirmed again; and under which id it was written as new")
    func replayed() async throws {
        try await withTestDatabase { database in
            try await database.deliver(3)
            let id = try await database.ids("SELECT id FROM skillrelay.outbox WHERE payload = '2'")[0]
            let run = try await database.finish(try await database.replay(.replay, .fixture((.id, id.lowercased))))
            let copy = try await database.finish(
                try await database.replay(.replay, .fixture((.id, id.lowercased)), asNew: true))
            let story = try await self.story(id, database)
            #expect(story.event.state == .delivered && story.payload == "2" && story.headers == .object([:]))
            #expect(story.story.map(\.what) == [.written, .confirmed, .queued, .confirmed, .queued])
            let again = story.story[2]
            #expect(again.replayId == run.id && again.by == "ann" && again.reason == "a test" && again.newId == nil)
            #expect(story.story[4].replayId == copy.id)
            let new = try #require(story.story[4].newId.flatMap { UUID(uuidString: $0) })
            let newStory = try await self.story(new, database)
            #expect(newStory.story.map(\.what) == [.written, .confirmed])
            guard case .object(let headers) = newStory.headers else { throw TestError("no object") }
            #expect(headers["x-replay-of"] == .string(id.lowercased))
        }
    }

    @Test("a dead event has its error, a discarded one who gave it up, and why")
    func discarded() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(1)
            try await database.park()
            let id = try await database.ids()[0]
            let dead = try await self.story(id, database)
            #expect(dead.event.state == .dead && dead.event.attempts == 5 && dead.event.lastError == "poison")
            #expect(dead.story.map(\.what) == [.written, .died])
            try await database.connection.perform { session in
                _ = try Discard.run(EventFilter(), .fixture(), in: session)
            }
            let discarded = try await self.story(id, database)
            #expect(discarded.event.state == .discarded && discarded.event.diedAt == dead.event.diedAt)
            #expect(discarded.story.map(\.what) == [.written, .died, .discarded])
            #expect(discarded.story[2].by == "ann" && discarded.story[2].reason == "a test")
        }
    }

    @Test("a payload that is no text is given in Base64; headers keep their names and types")
    func payload() async throws {
        try await withTestDatabase { database in
            try await database.script(
                #"SELECT skillrelay.enqueue('e', 'k', '\xff00', '{"camelCase": 7, "a": true, "snake_case": "x"}')"#)
            let story = try await self.story(try await database.ids()[0], database)
            #expect(story.payload == nil && story.payloadBase64 == "/wA=")
            let json = try OperatorJSON.text(story)
            #expect(json.contains(#""headers":{"a":true,"camelCase":7,"snake_case":"x"}"#))
            #expect(json.contains(#""payload_base64":"/wA=""#))
        }
    }

    @Test("an unknown id is told as such")
    func unknown() async throws {
        try await withTestDatabase { database in
            let id = UUID()
            let error = await #expect(throws: OperationError.self) { try await self.story(id, database) }
            #expect(error == .notFound("there is no event \(id.lowercased)"))
        }
    }
}
