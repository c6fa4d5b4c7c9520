import Foundation
import JSON
import Postgres
import Testing

@testable import Tasks

@Suite("How the built-in extractor makes tasks of messages")
struct ExtractionRuleTests {
    private static func message(_ role: String, _ parts: String, meta: String = "{}") -> Message {
        let now = PostgresTimestamp(unixMicroseconds: 0)
        return Message(
            id: UUID(), sessionID: UUID(), parentID: nil, role: role, meta: meta, parts: parts, taskID: nil,
            processStatus: "pending", createdAt: now, updatedAt: now
        )
    }

    private static func text(_ texts: String...) -> String {
        JSONValue.array(texts.map { ["type": "text", "text": .string($0)] }).text
    }

    private static func apply(_ messages: [Message], previous: UUID? = nil) -> ExtractionRule {
        var rule = ExtractionRule(previous: previous)
        for message in messages { rule.take(SaidMessage(message)) }
        return rule
    }

    @Test("each message of the user opens a task, and what the assistant says after it is its progress")
    func conversation() throws {
        let previous = UUID()
        let messages = [
            Self.message("assistant", Self.text("from before")), Self.message("user", Self.text("one")),
            Self.message("assistant", Self.text("a", "b")), Self.message("assistant", Self.text(" c\n")),
            Self.message("user", Self.text("two")), Self.message("user", Self.text("three")),
            Self.message("assistant", Self.text("d")),
        ]
        let rule = Self.apply(messages, previous: previous)
        #expect(rule.opened.map(\.description) == ["one", "two", "three"])
        #expect(rule.opened.map(\.progresses) == [["a\nb", "c"], [], ["d"]])
        #expect(rule.progresses == ["from before"])
        let tasks = rule.opened.map(\.id)
        #expect(Set(tasks).count == 3)
        #expect(rule.links.map(\.message) == messages.map(\.id))
        #expect(rule.links.map(\.task) == [previous, tasks[0], tasks[0], tasks[0], tasks[1], tasks[2], tasks[2]])
    }

    @Test("what comes before the first task belongs to none")
    func noTask() {
        let rule = Self.apply([Self.message("assistant", Self.text("hello"))])
        #expect(rule.opened.isEmpty && rule.links.map(\.task) == [nil])
    }

    @Test(
        "what is no request and no progress is the task's material",
        arguments: [
            ("user", #"[{"type":"tool-result","text":"42","meta":{"tool_call_id":"c"}}]"#, "{}"),
            ("user", #"[{"type":"text","text":"be brief"}]"#, #"{"original_role":"system"}"#),
            ("assistant", #"[{"type":"tool-call","meta":{"name":"f","arguments":"{}"}}]"#, "{}"),
            ("assistant", #"[{"type":"thinking","text":"hm"}]"#, "{}"),
            ("assistant", #"[{"type":"text","text":" "}]"#, "{}"),
            ("assistant", "no JSON", "{}"), ("tool", #"[{"type":"text","text":"x"}]"#, "{}"),
            ("assistant", #"{"type":"text","text":"no array"}"#, "no JSON"),
        ]
    )
    func material(role: String, parts: String, meta: String) {
        let previous = UUID()
        let rule = Self.apply([Self.message(role, parts, meta: meta)], previous: previous)
        #expect(rule.opened.isEmpty && rule.progresses.isEmpty && rule.links.map(\.task) == [previous])
    }

    @Test(
        "a user's message without text opens a task that says what there is",
        arguments: [
            (#"[{"type":"image"},{"type":"file","filename":"report.pdf"}]"#, "[image] [file report.pdf]"),
            (#"[{"type":"tool-result","text":"42"},{"type":"image"}]"#, "[tool-result] [image]"),
            (#"[{"type":"tool-result","text":"42"},{"type":"text","text":"and now?"}]"#, "and now?"),
            (#"[{"type":"text","text":" \n"}]"#, "[text]"),
            (#"[{"type":"text","text":"a\u0000b"}]"#, "ab"), ("[]", "[no text]"), ("no JSON", "[no text]"),
            ("[1]", "[part]"),
        ]
    )
    func noText(parts: String, description: String) {
        #expect(Self.apply([Self.message("user", parts)]).opened.map(\.description) == [description])
    }

    @Test("texts are cut to their length in bytes, between characters")
    func length() throws {
        for (character, count) in [("a", 1000), ("é", 500), ("€", 333), ("😀", 250)] {
            let fits = String(repeating: character, count: count)
            let rule = Self.apply([
                Self.message("user", Self.text(fits + fits)), Self.message("assistant", Self.text(fits)),
                Self.message("user", Self.text(fits + fits + "abcdef")),
                Self.message("assistant", Self.text(fits + "abcd")),
            ])
            #expect(rule.opened[0].description == fits + fits && rule.opened[0].progresses == [fits])
            let (description, progress) = (rule.opened[1].description, rule.opened[1].progresses[0])
            #expect(description.hasSuffix("…") && (1997...2000).contains(description.utf8.count))
            #expect(progress.hasSuffix("…") && (997...1000).contains(progress.utf8.count))
            #expect(fits.hasPrefix(progress.dropLast()))
        }
    }
}
