import Foundation
import Support
import Testing

/// What the real binary says while it works.
@Suite("The log", .timeLimit(.minutes(2)))
struct LogTests {
    private static func records(_ log: String) throws -> [[String: String]] {
        try log.split(separator: "\n").map { try JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
    }

    @Test("at info a request and an event leave no line")
    func info() async throws {
        try await EndToEnd.with { system in
            try await system.serve { process, client in
                let task = try await client.makeLearningTask()
                _ = try await client.setStatus(of: task, to: "success")
                _ = try await system.delivered()
                let before = process.log
                for _ in 0..<10 { #expect(try await client.setStatus(of: task, to: "success").status == 200) }
                #expect(try await client.setStatus(of: task, to: "no").status == 400)
                #expect(try await system.delivered().count == 10)
                #expect(process.log == before)
            }
        }
    }

    @Test("at trace, in JSON, each line is an object of strings, and none holds a token, a body, a query or a password")
    func secrets() async throws {
        try await EndToEnd.with { system in
            let environment = ["SKILLRELAY_LOG_LEVEL": "trace", "SKILLRELAY_LOG_FORMAT": "json"]
            try await system.serve(environment: environment) { process, client in
                let task = try await client.makeLearningTask()
                #expect(try await client.setStatus(of: task, to: "success").status == 200)
                let answer = try await client.probe.send(
                    "PATCH", task.statusPath + "?secret=in-the-query", headers: ["x-header": "in-a-header"],
                    body: #"{"status":"in-the-body"}"#
                )
                #expect(answer.status == 400)
                _ = try await system.delivered()
                let password = try TestURL(system.database.url).password
                for secret in [system.token, "in-the-query", "in-a-header", "in-the-body", "end-to-end", password] {
                    #expect(!process.log.contains(secret), "\(secret)")
                }
                let records = try Self.records(process.log)
                #expect(records.contains { $0["message"] == "Request answered" && $0["http.path"] == task.statusPath })
                #expect(records.contains { $0["message"] == "Batch settled" })
            }
        }
    }

    @Test("the line about a dead event has its id")
    func deadEvent() async throws {
        try await EndToEnd.with { system in
            try await system.serve(environment: ["SKILLRELAY_LOG_FORMAT": "json"]) { process, _ in
                // Its row is gone: never to be published.
                try await system.database.script(
                    """
                    INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key)
                    VALUES ('01234567-89ab-7def-8123-456789abcdef', 'e', 'k')
                    """)
                try await eventually("it says so") { process.log.contains("01234567-89ab-7def-8123-456789abcdef") }
                let record = try #require(try Self.records(process.log).first { $0["event.id"] != nil })
                #expect(record["event.id"] == "01234567-89ab-7def-8123-456789abcdef")
                #expect(record["level"] == "error")
            }
        }
    }
}
