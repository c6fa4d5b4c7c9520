import Foundation
import Support
import Testing

@testable import App

/// `skillrelay outbox`, the commands that look, from outside; and the script that is the operator's door to all of them.
@Suite("outbox stats, list and show", .timeLimit(.minutes(2)))
struct OutboxSightTests {
    private typealias Answer = (exit: ServiceProcess.Exit, output: String, log: String)

    private func outbox(_ database: TestDatabase, _ arguments: [String]) async throws -> Answer {
        try await Support.withService(["outbox"] + arguments, environment: ["DATABASE_URL": database.url]) { command in
            (try await command.exit(within: .seconds(60)), command.output, command.log)
        }
    }

    private func decode<Value: Decodable>(_ text: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }

    /// Two pending events and a dead one; the id of the dead one.
    private func fill(_ database: TestDatabase) async throws -> String {
        try await database.script(
            #"""
            SELECT skillrelay.enqueue('e', 'k', convert_to(E'{"text": "\x1b[31mred\nline"}', 'UTF8'), '{"camelCase": 1}', 'T');
            WITH parked AS (DELETE FROM skillrelay.outbox_pending RETURNING id)
            INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) SELECT id, 5, 'too large' FROM parked;
            SELECT skillrelay.enqueue('e', 'k', '1'), skillrelay.enqueue('e', 'other', '2');
            """#)
        return try await database.value("SELECT id::text FROM skillrelay.outbox_dead")
    }

    @Test("stats says what there is, to people and to programs")
    func stats() async throws {
        struct Stats: Decodable {
            struct Pending: Decodable { let count: Int }
            struct Dead: Decodable {
                struct Reason: Decodable {
                    let error: String
                    let sample: [String]
                }
                let by_error: [Reason]
            }
            struct Table: Decodable { let name: String }
            let pending: Pending
            let dead: Dead
            let partitions: [Table]
        }
        try await withTestDatabase { database in
            let dead = try await self.fill(database)
            let answer = try await self.outbox(database, ["stats", "--json"])
            #expect(answer.exit == .exited(0), "\(answer.log)")
            #expect(answer.output.split(separator: "\n").count == 1)
            let stats = try self.decode(answer.output, as: Stats.self)
            #expect(stats.pending.count == 2 && stats.partitions.contains { $0.name == "outbox_default" })
            #expect(stats.dead.by_error.map(\.error) == ["too large"])
            #expect(stats.dead.by_error.first?.sample == [dead])
            let text = try await self.outbox(database, ["stats"]).output
            #expect(text.hasPrefix("NO RELAY: nothing is sent\n"))
            #expect(text.contains("pending    2       2 due, 0 delayed, 0 in flight, oldest"))
            #expect(text.contains("too large     1"))
        }
    }

    @Test("list shows what fits, page by page; nothing that fits is no failure; a payload cannot move the cursor")
    func list() async throws {
        struct Page: Decodable {
            struct Item: Decodable {
                let id: String
                let state: String
            }
            let items: [Item]
            let has_more: Bool
            let next_cursor: String?
        }
        try await withTestDatabase { database in
            let dead = try await self.fill(database)
            let first = try self.decode(
                try await self.outbox(database, ["list", "--limit", "2", "--json"]).output, as: Page.self)
            #expect(first.items.map(\.state) == ["pending", "pending"] && first.has_more)
            let cursor = try #require(first.next_cursor)
            let second = try self.decode(
                try await self.outbox(database, ["list", "--after", cursor, "--json"]).output, as: Page.self)
            #expect(second.items.map(\.id) == [dead] && !second.has_more && second.next_cursor == nil)
            let table = try await self.outbox(database, ["list", "--limit", "2"]).output
            #expect(table.contains("there are more: --after \(cursor)"))
            let none = try await self.outbox(database, ["list", "--routing-key", "none"])
            #expect(none.exit == .exited(0) && none.output == "no event fits\n")
            await #expect(
                try self.outbox(database, ["list", "--state", "dead", "--error", "TOO L"]).output.contains("too large"))
            try await database.script("UPDATE skillrelay.outbox_dead SET last_error = E'a\\x1b[2Jb'")
            let clean = try await self.outbox(database, ["list", "--oldest-first"]).output
            #expect(clean.contains(#"a\u{1B}[2Jb"#) && !clean.contains("\u{1B}"))
        }
    }

    @Test("show tells an event's message and story; of an unknown one it says so and ends with 1")
    func show() async throws {
        struct Story: Decodable {
            struct Event: Decodable {
                let id: String
                let last_error: String
            }
            struct Chapter: Decodable { let what: String }
            let event: Event
            let headers: [String: Int]
            let payload: String
            let story: [Chapter]
        }
        try await withTestDatabase { database in
            let id = try await self.fill(database)
            let story = try self.decode(try await self.outbox(database, ["show", id, "--json"]).output, as: Story.self)
            #expect(story.event.id == id && story.event.last_error == "too large" && story.headers == ["camelCase": 1])
            #expect(story.payload == "{\"text\": \"\u{1B}[31mred\nline\"}")
            #expect(story.story.map(\.what) == ["written", "died"])
            let text = try await self.outbox(database, ["show", id.uppercased()]).output
            #expect(text.contains("last error   too large") && text.contains("died"))
            #expect(!text.contains("\u{1B}"))
            let unknown = try await self.outbox(database, ["show", "019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90"])
            #expect(unknown.exit == .exited(1) && unknown.output.isEmpty)
            #expect(unknown.log == "skillrelay: there is no event 019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90\n")
        }
    }

    @Test(
        "what makes no sense ends with 64 and a line that names it",
        arguments: [
            (["list", "--since", "yesterday"], "--since: \"yesterday\" is no time such as"),
            (["list", "--since", "1h", "--until", "2h"], "--until: is not after since"),
            (["list", "--state", "deadd"], "--state: \"deadd\" is none of pending, dead, discarded, delivered"),
            (["list", "--routing-key", String(repeating: "k", count: 1025)], "--routing-key: is longer than"),
            (["verify", "--since", "yesterday"], "\"yesterday\" is no time such as"),
            (["list", "--limit", "501"], "--limit is from 1 to 500"), (["list", "--after", "7"], "'7' is no id"),
            (["show"], "Missing expected argument"), (["show", "7"], "'7' is no id such as"),
        ] as [([String], String)]
    )
    func refused(arguments: [String], line: String) async throws {
        let answer = try await Support.withService(["outbox"] + arguments, environment: [:]) { command in
            (exit: try await command.exit(within: .seconds(60)), output: command.output, log: command.log)
        }
        #expect(answer.exit == .exited(64) && answer.output.isEmpty)
        #expect(answer.log.contains(line), "\(answer.log)")
    }

    @Test("scripts/outbox-admin is the door to it and to new projects, also by a link, and passes the exit code on")
    func script() async throws {
        try await withTestDatabase { database in
            let link = FileManager.default.temporaryDirectory.appending(path: "outbox-admin-\(UUID().uuidString)")
            let script = Repository.file("scripts/outbox-admin")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: script)
            defer { try? FileManager.default.removeItem(at: link) }  // a leftover link harms nobody
            let program = try FileManager.default.executableBesideTests("skillrelay").path()
            func admin(_ arguments: String...) async throws -> String {
                try await Command.run(
                    "/usr/bin/env",
                    [
                        "DATABASE_URL=\(database.url)", "ROOT_SECRET_PEPPER=pepper", "SKILLRELAY_BIN=\(program)",
                        link.path(),
                    ] + arguments
                )
            }
            #expect(try await admin("stats", "--json").contains(#""pending":"#))
            #expect(try await admin("project", "create", "--json").contains("sk-ac-"))
            #expect(try await admin("--help").contains("scripts/outbox-admin stats"))
            #expect(try await admin().contains("replay"))
            let error = try await #require(throws: TestError.self) { try await admin("show", "7") }
            #expect("\(error)".contains("(wait status \(64 << 8))"))
        }
    }
}
