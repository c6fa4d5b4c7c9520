import Foundation
import JSON
import Support
import Testing

@testable import Tasks

@Suite("Results of Gemini's calls, on a real database", .timeLimit(.minutes(1)))
struct GeminiCallStoreTests {
    @Test("two results that are stored at the same moment answer two calls, oldest first")
    func atOnce() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.storeCalls(["1", "2"], in: session)
            // Both have read the same open calls.
            let first = try await fixture.storeResult(in: session)
            let second = try await fixture.storeResult(in: session)
            let answered = [try await first.perform(), try await second.perform()].map(Self.answeredCall)
            #expect(answered == ["1", "2"])
            let third = fixture.result(in: session)
            await #expect(throws: MessageFormatError.noOpenCall) {
                try await GeminiCallStore(pool: fixture.pool).store(third, in: fixture.messages(), headers: [:])
            }
        }
    }

    @Test("a result whose call was answered by another meanwhile, the last of its name, is refused")
    func noneLeft() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.storeCalls(["1"], in: session)
            let first = try await fixture.storeResult(in: session)
            let second = try await fixture.storeResult(in: session)
            #expect(Self.answeredCall(try await first.perform()) == "1")
            await #expect(throws: MessageFormatError.noOpenCall) { try await second.perform() }
            let stored: Int = try await fixture.database.value("SELECT count(*) FROM public.messages")
            #expect(stored == 2)
        }
    }

    @Test("a message may bring a call and the result of one: its own is not yet there to be answered")
    func callAndResult() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.storeCalls(["1"], in: session)
            var message = fixture.result(in: session)
            message.meta = [MessageMeta.openCalls: [["id": "2", "name": "f"]]]
            let store = GeminiCallStore(pool: fixture.pool)
            let stored = try await store.store(message, in: fixture.messages(), headers: [:]).perform()
            #expect(Self.answeredCall(stored) == "1")
            #expect(Self.answeredCall(try await fixture.storeResult(in: session).perform()) == "2")
        }
    }

    @Test("a result closes its own call, and no other that has the same id")
    func sameID() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.storeCalls(["1"], in: session)
            try await fixture.storeCalls(["1", "2"], in: session)
            for id in ["1", "1", "2"] {
                #expect(Self.answeredCall(try await fixture.storeResult(in: session).perform()) == id)
            }
        }
    }

    private static func answeredCall(_ message: Message) -> String? {
        ParsedMessage(message).parts.first?.metaText("tool_call_id")
    }
}

extension Fixture {
    fileprivate func storeCalls(_ ids: [String], in session: UUID) async throws {
        let calls = ids.map { JSONValue.object([.init("id", .string($0)), .init("name", "f")]) }
        let message = NewMessage(
            sessionID: session, projectID: self.project, role: "assistant",
            parts: ids.map {
                MessagePart(type: "tool-call", meta: ["id": .string($0), "name": "f", "arguments": "{}"])
            },
            meta: [MessageMeta.openCalls: .array(calls)]
        )
        _ = try await self.messages().store(message).perform()
    }

    fileprivate func result(in session: UUID) -> NewMessage {
        NewMessage(
            sessionID: session, projectID: self.project, role: "user",
            parts: [MessagePart(type: "tool-result", text: "{}", meta: ["name": "f"])]
        )
    }

    /// All but the transaction that writes it.
    fileprivate func storeResult(in session: UUID) async throws -> Write<Message> {
        try await GeminiCallStore(pool: self.pool).store(self.result(in: session), in: self.messages(), headers: [:])
    }
}
