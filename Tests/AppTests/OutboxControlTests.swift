import Foundation
import RabbitMQ
import Support
import Testing

@testable import App

/// `skillrelay outbox`, the commands that change something, from outside.
@Suite("outbox replay, retry, discard, purge, pause and resume", .timeLimit(.minutes(2)))
struct OutboxControlTests {
    private struct Answer {
        let exit: ServiceProcess.Exit
        let output: String
        let log: String

        /// One object a line.
        var objects: [[String: JSONScalar]] {
            get throws {
                try self.output.split(separator: "\n").map {
                    try JSONDecoder().decode([String: JSONScalar].self, from: Data($0.utf8))
                }
            }
        }
    }

    private func outbox(_ system: EndToEnd, _ arguments: String...) async throws -> Answer {
        try await Support.withService(
            ["outbox"] + arguments, environment: ["DATABASE_URL": system.database.url, "USER": "ann"]
        ) { command in
            let exit = try await command.exit(within: .seconds(60))
            return Answer(exit: exit, output: command.output, log: command.log)
        }
    }

    private func enqueue(_ count: Int, _ system: EndToEnd) async throws {
        try await system.database.script(
            """
            SELECT skillrelay.enqueue('learning.skill', 'learning.skill.distill', convert_to('{"n": ' || n || '}', 'UTF8'))
            FROM generate_series(1, \(count)) AS n
            """)
    }

    private func park(_ system: EndToEnd) async throws {
        try await system.database.script(
            """
            WITH parked AS (DELETE FROM skillrelay.outbox_pending RETURNING id)
            INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) SELECT id, 5, 'poison' FROM parked
            """)
    }

    @Test("a dry run says what it would be and changes nothing; the replay sends it, and the audit trail has it")
    func replay() async throws {
        try await EndToEnd.with { system in
            try await self.enqueue(5, system)
            try await system.serve { _, _ in
                #expect(try await system.delivered().count == 5)
                let dry = try await self.outbox(system, "replay", "--since", "1h", "--dry-run", "--json")
                #expect(dry.exit == .exited(0))
                #expect(try dry.objects.first?["count"] == .number(5))
                #expect(try await system.database.value("SELECT count(*) FROM skillrelay.replays", as: Int.self) == 0)

                let done = try await self.outbox(system, "replay", "--since", "1h", "--reason", "a bug", "--json")
                #expect(done.exit == .exited(0), "\(done.log)")
                let run = try #require(try done.objects.first)
                #expect(done.log.hasPrefix("skillrelay: run \(run["id"]?.text ?? "?") is asked for"))
                #expect(!done.log.contains("\r"), "no bar where nobody looks")
                #expect(run["state"] == .string("done") && run["queued"] == .number(5))
                let messages = try await system.delivered()
                #expect(messages.count == 5)
                #expect(
                    messages.allSatisfy {
                        $0.headers["x-replay-id"].map { "\($0)" }?.contains(run["id"]?.text ?? "?") == true
                    })

                let listed = try await self.outbox(system, "replays", "--json")
                #expect(try listed.objects.first?["id"] == run["id"])
                let actions = try await self.outbox(system, "actions", "--json")
                let action = try #require(try actions.objects.first)
                #expect(action["action"] == .string("replay") && action["reason"] == .string("a bug"))
                #expect(action["by"]?.text?.hasPrefix("ann@") == true)
                #expect(try await self.outbox(system, "actions").output.contains("replay  by ann@"))
            }
        }
    }

    @Test("without a relay a run waits and says so; it can be left alone, looked at and cancelled, once")
    func detached() async throws {
        try await EndToEnd.with { system in
            try await self.enqueue(1, system)
            try await self.park(system)
            let asked = try await self.outbox(system, "retry", "--reason", "mended", "--detach", "--json")
            #expect(asked.exit == .exited(0))
            let id = try #require(try asked.objects.first?["id"]?.text)
            let cancelled = try await self.outbox(system, "cancel", id, "--reason", "not yet")
            #expect(cancelled.exit == .exited(0) && cancelled.output.contains("cancelled"))
            let again = try await self.outbox(system, "cancel", id, "--reason", "not yet")
            #expect(again.exit == .exited(1) && again.log == "skillrelay: run \(id) is cancelled\n")
            let watched = try await self.outbox(system, "replays", id, "--follow")
            #expect(watched.exit == .exited(1) && watched.output.contains(id))
            // Written by something else than our commands.
            try await system.database.script("UPDATE skillrelay.replays SET reason = E'a\\x1b[2Jb'")
            let clean = try await self.outbox(system, "replays").output
            #expect(clean.contains(#"a\u{1B}[2Jb"#) && !clean.contains("\u{1B}"))
        }
    }

    @Test("many events want a yes, or somebody to ask")
    func confirmation() async throws {
        try await EndToEnd.with { system in
            try await self.enqueue(1001, system)
            try await self.park(system)
            let refused = try await self.outbox(system, "discard", "--reason", "test data")
            #expect(refused.exit == .exited(64) && refused.log.contains("1001 events: say --yes"))
            let program = try FileManager.default.executableBesideTests("skillrelay").path()
            func typed(_ answer: String) async throws -> String {
                // util-linux's script runs it on a terminal.
                let command = "'\(program)' outbox discard --reason 'test data'"
                return try await Command.run(
                    "/usr/bin/env",
                    [
                        "DATABASE_URL=\(system.database.url)", "sh", "-c",
                        "echo \(answer) | script -qec \"\(command)\" /dev/null || true",
                    ])
            }
            let unsure = try await typed("yes")
            #expect(unsure.contains("Type 1001 to discard 1001 events") && unsure.contains("not confirmed"))
            #expect(try await typed("1001").contains("1001 events discarded"))
            try await self.enqueue(1001, system)
            try await self.park(system)
            let done = try await self.outbox(system, "discard", "--reason", "test data", "--yes", "--json")
            #expect(done.exit == .exited(0) && done.output == #"{"discarded":1001}"# + "\n")
            let none = try await self.outbox(system, "discard", "--reason", "test data")
            #expect(none.exit == .exited(1) && none.log == "skillrelay: no dead event fits\n")
        }
    }

    @Test("what makes no sense ends with 64 and a line, what does not fit the state of things with 1")
    func refused() async throws {
        try await EndToEnd.with { system in
            try await self.enqueue(1, system)
            let id = try #require(try await system.eventIDs().first)
            let unknown = "019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90"
            for (arguments, status, line) in [
                (["replay", "--since", "yesterday", "--dry-run"], 64, "is no time such as"),
                (["replay"], 64, "--reason is required"),
                (["replay", "--reason", " "], 64, "the reason is missing"),
                (["replay", "--state", "pending", "--reason", "r"], 64, "a replay takes no pending events"),
                (["replay", "--rate", "0", "--reason", "r"], 64, "a rate is from 1 to 100000"),
                (["replay", "--id", id, "--reason", "r"], 1, "event \(id) is pending and on its way"),
                (["replay", "--id", unknown, "--reason", "r"], 1, "there is no event \(unknown)"),
                (["replay", "--id", "7", "--reason", "r"], 64, "is no id such as"),
                (["replay", "--routing-key", "none", "--reason", "r"], 1, "no event fits"),
                (["retry", "--reason", "r"], 1, "no event fits"),
                (["pause", "--reason", "a\u{1B}[2Jb"], 64, "the reason has a control character in it"),
                (["cancel", unknown, "--reason", "r"], 1, "there is no run \(unknown)"),
                (["pause", "--exchange", "e", "--reason", "r"], 64, "a destination is --exchange and --routing-key"),
                (["resume"], 1, "the whole relay is not paused"),
                (["purge", "--days", "0", "--dry-run"], 64, "--days is from 1 to 3650"),
            ] as [([String], Int32, String)] {
                let answer = try await Support.withService(
                    ["outbox"] + arguments, environment: ["DATABASE_URL": system.database.url]
                ) { command in
                    let exit = try await command.exit()
                    return Answer(exit: exit, output: command.output, log: command.log)
                }
                #expect(answer.exit == .exited(status), "\(arguments): \(answer.log)")
                #expect(answer.log.contains(line), "\(arguments): \(answer.log)")
                #expect(answer.output.isEmpty)
            }
            #expect(try await system.database.value("SELECT count(*) FROM skillrelay.actions", as: Int.self) == 0)
        }
    }

    @Test("a pause holds the running service within a poll, and outlives it; resume lets go")
    func pause() async throws {
        try await EndToEnd.with { system in
            let destination = ["--exchange", "learning.skill", "--routing-key", "learning.skill.distill"]
            try await system.serve { _, _ in
                let paused = try await self.outbox(
                    system, "pause", destination[0], destination[1], destination[2], destination[3], "--reason",
                    "upgrade")
                #expect(paused.exit == .exited(0))
                #expect(paused.output.hasPrefix("paused: learning.skill learning.skill.distill, by ann@"))
                try await self.enqueue(3, system)
            }
            try await system.serve { _, _ in
                let start = ContinuousClock.now
                try await eventually("some polls have gone by") { ContinuousClock.now - start > .seconds(1) }
                #expect(
                    try await system.database.value("SELECT pending FROM skillrelay.relay_status", as: Int.self) == 3)
                let resumed = try await self.outbox(
                    system, "resume", destination[0], destination[1], destination[2], destination[3], "--json")
                #expect(resumed.exit == .exited(0) && resumed.output == #"{"items":[]}"# + "\n")
                #expect(try await system.delivered().count == 3)
            }
        }
    }

    @Test("purge says which days go, and drops them; the audit trail has it")
    func purge() async throws {
        try await EndToEnd.with { system in
            try await system.database.script("SELECT skillrelay.make_partition((now() AT TIME ZONE 'UTC')::date - 10)")
            let dry = try await self.outbox(system, "purge", "--days", "7", "--dry-run")
            #expect(dry.exit == .exited(0) && !dry.output.contains("none"))
            let refused = try await self.outbox(system, "purge", "--days", "7", "--reason", "the disk fills up")
            #expect(refused.exit == .exited(64) && refused.log.contains("7 days are fewer than the 30 that are set"))
            let done = try await self.outbox(system, "purge", "--days", "7", "--reason", "the disk fills up", "--yes")
            #expect(done.exit == .exited(0) && done.output == dry.output)
            #expect(try await self.outbox(system, "purge", "--reason", "again").output == "days dropped: none\n")
            #expect(try await self.outbox(system, "actions").output.contains("purge  by ann@"))
        }
    }

    @Test("a progress bar is one line")
    func bar() {
        #expect(
            ProgressBar.line(500, of: 1000, after: .seconds(2))
                == "[###############...............] 50 %  500 of 1000, 250/s")
        #expect(ProgressBar.line(0, of: 0, after: .zero).hasPrefix("[####"))
    }
}

/// A member of an answer, as far as these tests look.
private enum JSONScalar: Decodable, Hashable {
    case string(String)
    case number(Double)
    case other

    var text: String? { if case .string(let text) = self { text } else { nil } }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .other
        }
    }
}
