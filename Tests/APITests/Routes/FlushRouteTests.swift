import Foundation
import Support
import Testing

@testable import API

@Suite("POST …/flush (PostgreSQL)", .timeLimit(.minutes(1)))
struct FlushRouteTests {
    private struct Flush: Decodable, Equatable {
        let status: Int
        let errmsg: String
    }

    private static let done = Flush(status: 200, errmsg: "")

    @Test("without CORE makes tasks of the session's messages before it answers")
    func builtIn() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            try await api.database.storeMessage("user", "write a poem", in: session)
            try await api.database.storeMessage("assistant", "roses", in: session)
            for _ in 0..<2 {
                let flush: Flush = try await api.client.send("POST", "/api/v1/session/\(session)/flush").data()
                #expect(flush == Self.done)
                let tasks: TaskPage = try await api.client.send("GET", "/api/v1/session/\(session)/task").data()
                #expect(tasks.items.map(\.data.task_description) == ["write a poem"])
                #expect(tasks.items.map(\.data.progresses) == [["roses"]] && tasks.items.map(\.status) == ["running"])
            }
            // A body is neither needed nor looked at.
            let again = try await api.client.send("POST", "/api/v1/session/\(session)/flush", body: "{")
            #expect(try again.data(as: Flush.self) == Self.done)
        }
    }

    @Test("is refused for what is not the caller's session", arguments: [false, true])
    func isolation(withCore: Bool) async throws {
        try await withCoreServer { core, url in
            try await withAPI(core: withCore ? url : nil) { api in
                let other = try await api.makeProject(phc: "unused")
                let session = try await api.makeSession()
                try await api.database.storeMessage("user", "x", in: session)
                let before = try await api.footprint()
                try expect(
                    try await api.client(token: other.token).send("POST", "/api/v1/session/\(session)/flush"), 403,
                    "access denied: session does not belong to this project")
                try expect(
                    try await api.client.send("POST", "/api/v1/session/\(UUID())/flush"), 404, "session not found")
                try expect(try await api.client.send("POST", "/api/v1/session/x/flush"), 400, "parameter error")
                try expect(
                    try await api.client.send("GET", "/api/v1/session/\(session)/flush"), 405, "method not allowed")
                #expect(try await api.footprint() == before && core.calls.isEmpty)
            }
        }
    }

    @Test("with CORE is CORE's answer, good or bad, and 500 when it has none")
    func core() async throws {
        try await withCoreServer { core, url in
            try await withAPI(core: url) { api in
                let path = "/api/v1/session/\(try await api.makeSession())/flush"
                #expect(try await api.client.send("POST", path).data(as: Flush.self) == Self.done)
                core.behave(.answer(#"{"status":500,"errmsg":"say \"when\""}"#))
                let bad: Flush = try await api.client.send("POST", path).data()
                #expect(bad == Flush(status: 500, errmsg: #"say "when""#))
                for behaviour in [.answer("{}", status: 503), .answer("<html>"), .hangUp] as [CoreServer.Behaviour] {
                    core.behave(behaviour)
                    try expect(try await api.client.send("POST", path), 500, "failed to flush session")
                }
            }
        }
    }

    @Test("may take longer than any other request, and than an idle connection may")
    func slow() async throws {
        var limits = APILimits()
        limits.requestDeadline = .seconds(1)
        limits.idleTimeout = .milliseconds(200)
        try await withCoreServer(.answer(#"{"status":200}"#, after: .seconds(4))) { [limits] _, url in
            try await withAPI(limits: limits, core: url) { api in
                let session = try await api.makeSession()
                let flush: Flush = try await api.client.send("POST", "/api/v1/session/\(session)/flush?x=1").data()
                #expect(flush == Self.done)
                // Any other route, on the same server.
                try await api.database.script("BEGIN; SELECT FROM public.sessions FOR UPDATE")
                let other = try await api.client.send(
                    "POST", "/api/v1/session/\(session)/task", body: #"{"task_description":"x"}"#)
                #expect(other.status == 503 && other.text.contains("the request took too long"))
                try await api.database.script("ROLLBACK")
            }
        }
    }

    @Test("has a deadline of its own")
    func deadline() async throws {
        var limits = APILimits()
        limits.flushDeadline = .seconds(2)
        try await withCoreServer(.neverAnswer) { [limits] core, url in
            try await withAPI(limits: limits, core: url) { api in
                let path = "/api/v1/session/\(try await api.makeSession())/flush"
                let answer = try await api.client.send("POST", path)
                #expect(answer.status == 503 && answer.headers["retry-after"] == "1")
                try await eventually("CORE is hung up on") { core.abandonedCount == 1 }
            }
        }
    }

    @Test("ends when its client goes away, and keeps the connection of one that stays")
    func clientGone() async throws {
        try await withCoreServer(.neverAnswer) { core, url in
            try await withAPI(core: url) { api in
                let path = "/api/v1/session/\(try await api.makeSession())/flush"
                try await api.client.withConnection { connection in
                    // Sends, and reads no answer: what comes after it on the connection is answered only then.
                    try await connection.post(path)
                    try await eventually("CORE is asked") { core.calls.count == 1 }
                }
                try await eventually("CORE is hung up on") { core.abandonedCount == 1 }
                core.behave(.answer(#"{"status":200}"#))
                try await api.client.withConnection { connection in
                    for _ in 0..<2 {
                        let answer = try await connection.send("POST", path)
                        #expect(try answer.data(as: Flush.self) == Self.done)
                    }
                }
            }
        }
    }

    @Test("does not hold up a stop")
    func stop() async throws {
        try await withCoreServer(.neverAnswer) { core, url in
            let (answer, begin) = try await withAPI(core: url) { api in
                let path = "/api/v1/session/\(try await api.makeSession())/flush"
                // Unstructured, as it outlives the server; awaited below.
                let answer = Task { try await api.client.send("POST", path) }
                try await eventually("CORE is asked") { core.calls.count == 1 }
                return (answer, ContinuousClock.now)
            }
            #expect(ContinuousClock.now - begin < .seconds(3))
            let last = try await answer.value
            #expect(last.status == 503 && last.headers["connection"] == "close")
            #expect(core.abandonedCount == 1)
        }
    }
}
