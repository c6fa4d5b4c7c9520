import Foundation
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("A request with an Idempotency-Key (PostgreSQL)", .timeLimit(.minutes(2)))
struct IdempotencyKeyTests {
    private static let success = #"{"status":"success"}"#
    private static let invalid = "invalid Idempotency-Key, must be one header of 1 to 255 visible ASCII characters"
    private static let reused = "this Idempotency-Key was used for another request"
    private static let inUse = "a request with this Idempotency-Key is still under way: retry"

    private static func keyCount(_ api: APIFixture) async throws -> Int {
        try await api.database.value("SELECT count(*) FROM skillrelay.idempotency_keys")
    }

    @Test("is answered again, byte for byte, with one event and one wake-up; without the header each call counts")
    func replay() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let first = try await api.client.send(
                "PATCH", path, headers: ["idempotency-key": "k-1"], body: Self.success
            )
            let task: TaskBody = try first.data()
            #expect(task.status == "success" && first.headers["idempotency-replayed"] == nil)
            // Whatever becomes of the task meanwhile.
            let _: TaskBody = try await api.client.send("PATCH", path, body: #"{"status":"running"}"#).data()
            for spelling in ["k-1", #""k-1""#] {
                let again = try await api.client.send(
                    "PATCH", path, headers: ["Idempotency-Key": spelling], body: Self.success
                )
                #expect(again.status == 200 && again.body == first.body)
                #expect(again.headers["content-type"] == first.headers["content-type"])
                #expect(again.headers["idempotency-replayed"] == "true")
            }
            #expect(try await api.eventCount() == 1)
            #expect(api.wakes.value == 1)
            #expect(try await api.database.value("SELECT status FROM public.tasks") == "running")

            for _ in 0..<2 { let _: TaskBody = try await api.client.send("PATCH", path, body: Self.success).data() }
            #expect(try await api.eventCount() == 3)
        }
    }

    @Test("is answered again with the event of the first answer, if that had one")
    func event() async throws {
        try await withAPI { api in
            let learning = try await api.makeLearningTask()
            let session = try await api.makeSession()
            let path = "/api/v1/session/\(session)/task/\(try await api.makeTask(in: session))/status"
            for (key, path, hasEvent) in [("a", learning, true), ("b", path, false)] {
                let first = try await api.client.send(
                    "PATCH", path, headers: ["idempotency-key": key], body: Self.success)
                let again = try await api.client.send(
                    "PATCH", path, headers: ["idempotency-key": key], body: Self.success)
                #expect(again.headers["idempotency-replayed"] == "true")
                #expect((first.headers["skillrelay-event-id"] != nil) == hasEvent)
                #expect(again.headers["skillrelay-event-id"] == first.headers["skillrelay-event-id"])
            }
        }
    }

    @Test("is done once on every POST as well")
    func posts() async throws {
        try await withAPI { api in
            let session = try await api.makeSession().lowercased
            let space = try await api.makeSpace().lowercased
            let requests = [
                ("/api/v1/session", nil), ("/api/v1/session", #"{"use_uuid": "\#(UUID())"}"#),
                ("/api/v1/session/\(session)/task", #"{"task_description": "x", "status": "success"}"#),
                ("/api/v1/learning_spaces", #"{"user": "anna"}"#),
                ("/api/v1/learning_spaces/\(space)/learn", #"{"session_id": "\#(session)"}"#),
            ]
            for (number, (path, body)) in requests.enumerated() {
                let headers = ["idempotency-key": "key-\(number)"]
                let first = try await api.client.send("POST", path, headers: headers, body: body)
                #expect(first.status == 201, "\(path): \(first.text)")
                let before = try await api.footprint()
                let again = try await api.client.send("POST", path, headers: headers, body: body)
                #expect(again.status == 201 && again.body == first.body, "\(path): \(again.text)")
                #expect(again.headers["idempotency-replayed"] == "true", "\(path)")
                #expect(try await api.footprint() == before, "\(path)")
            }
        }
    }

    @Test("sent many times at once takes effect once, and all get its answer")
    func concurrent() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let answers = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await api.client.send("PATCH", path, headers: ["idempotency-key": "k"], body: Self.success)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 200 } && Set(answers.map(\.body)).count == 1)
            #expect(answers.count { $0.headers["idempotency-replayed"] == nil } == 1)
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("waits for the first under its key, and is 409 when that takes too long")
    func inUse() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            try await api.database.script("BEGIN")
            let _: String = try await api.database.value(
                """
                INSERT INTO skillrelay.idempotency_keys (project_id, key, fingerprint, expires_at)
                VALUES ($1, 'k', decode(repeat('00', 32), 'hex'), now() + interval '1 hour') RETURNING key
                """,
                [.uuid(api.project)]
            )
            let answer = try await api.client.send(
                "PATCH", path, headers: ["idempotency-key": "k"], body: Self.success
            )
            try expect(answer, 409, Self.inUse)
            #expect(answer.headers["retry-after"] == "1")

            // The first is rolled back: the one that waits goes on.
            async let second = api.client.send("PATCH", path, headers: ["idempotency-key": "k"], body: Self.success)
            try await eventually("it waits") {
                try await api.database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
            }
            try await api.database.script("ROLLBACK")
            let _: TaskBody = try await second.data()
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("is 422 under the key of another one, and changes nothing")
    func reused() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let headers = ["idempotency-key": "k"]
            let _: TaskBody = try await api.client.send("PATCH", path, headers: headers, body: Self.success).data()
            let before = try await api.footprint()
            for (method, path, body) in [
                ("PATCH", path, #"{"status":"failed"}"#), ("PATCH", path, Self.success + " "),
                ("PATCH", path + "?x", Self.success), ("POST", "/api/v1/session", "{}"),
            ] {
                let answer = try await api.client.send(method, path, headers: headers, body: body)
                try expect(answer, 422, Self.reused, "\(method) \(path) \(body)")
            }
            #expect(try await api.footprint() == before)
        }
    }

    @Test("is another project's own, whatever its key")
    func projects() async throws {
        try await withAPI { api in
            let stranger = api.client(token: try await api.makeProject().token)
            for client in [api.client, stranger] {
                let answer = try await client.send(
                    "POST", "/api/v1/session", headers: ["idempotency-key": "k"], body: "{}"
                )
                #expect(answer.status == 201 && answer.headers["idempotency-replayed"] == nil)
            }
            #expect(try await Self.keyCount(api) == 2)
        }
    }

    @Test("leaves its key unused when it is refused")
    func refused() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let headers = ["idempotency-key": "k"]
            let unknown = path.replacing(#/task/[^/]*/#, with: "task/\(UUID().lowercased)")
            let missing = try await api.client.send("PATCH", unknown, headers: headers, body: Self.success)
            #expect(missing.status == 404)
            let bad = try await api.client.send("PATCH", path, headers: headers, body: "{}")
            #expect(bad.status == 400)
            #expect(try await Self.keyCount(api) == 0)
            let _: TaskBody = try await api.client.send("PATCH", path, headers: headers, body: Self.success).data()
        }
    }

    @Test("is 400 when its key is none, after body and ids are found good, and nothing is changed")
    func invalidKeys() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let before = try await api.footprint()
            for key in ["", "a b", #""a"#, String(repeating: "k", count: 256), "é"] {
                let answer = try await api.client.send(
                    "PATCH", path, headers: ["idempotency-key": key], body: Self.success
                )
                try expect(answer, 400, Self.invalid, key)
            }
            let twice = """
                PATCH \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(api.token)\r\nidempotency-key: a\r\n\
                idempotency-key: a\r\ncontent-length: \(Self.success.utf8.count)\r\n\r\n\(Self.success)
                """
            try expect(try await HTTPProbe(port: api.port).send(raw: Array(twice.utf8)), 400, Self.invalid)
            #expect(try await api.footprint() == before)
            let list = path.replacing(#/task/.*/#, with: "task")
            #expect(try await api.client.send("GET", list, headers: ["idempotency-key": ""]).status == 200)
        }
    }

    @Test("is a new one when its key has expired, also before that is purged")
    func expired() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let headers = ["idempotency-key": "k"]
            for events in 1...2 {
                let answer = try await api.client.send("PATCH", path, headers: headers, body: Self.success)
                #expect(answer.status == 200 && answer.headers["idempotency-replayed"] == nil)
                #expect(try await api.eventCount() == events)
                try await api.database.script("UPDATE skillrelay.idempotency_keys SET expires_at = now()")
            }
            // For another request, too.
            let answer = try await api.client.send("PATCH", path, headers: headers, body: #"{"status":"failed"}"#)
            #expect(answer.status == 200)
            let day = "SELECT count(*) FROM skillrelay.idempotency_keys WHERE expires_at > now() + interval '23:59'"
            #expect(try await api.database.value(day) == 1)
        }
    }

    @Test(
        "is resolved under its key when the reply to its commit is lost: 200, one event",
        arguments: [FaultProxy.Action.loseReply, .reset, .holdReply]
    )
    func lostReply(action: FaultProxy.Action) async throws {
        try await withProxiedAPI { api, proxy in
            let path = try await api.makeLearningTask()
            let headers = ["idempotency-key": "k"]
            proxy.arm(.toServer, on: "COMMIT", action)
            let first = try await api.client.send("PATCH", path, headers: headers, body: Self.success)
            let _: TaskBody = try first.data()
            #expect(proxy.hasFired)
            #expect(try await api.eventCount() == 1)
            proxy.heal()
            let again = try await api.client.send("PATCH", path, headers: headers, body: Self.success)
            #expect(again.body == first.body && again.headers["idempotency-replayed"] == "true")
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("that was answered 503, unknown, takes effect once in the end")
    func unknownOutcome() async throws {
        var limits = APILimits()
        limits.requestDeadline = .seconds(2)
        try await withProxiedAPI(limits: limits) { api, proxy in
            let path = try await api.makeLearningTask()
            let headers = ["idempotency-key": "k"]
            proxy.arm(.toServer, on: "COMMIT", .loseReply)
            proxy.refuse()
            let first = try await api.client.send("PATCH", path, headers: headers, body: Self.success)
            #expect(first.status == 503 && first.text.contains("unknown"), "\(first.text)")
            proxy.open()
            let second = try await eventually("the database is back") {
                let answer = try await api.client.send("PATCH", path, headers: headers, body: Self.success)
                return answer.status == 503 ? nil : answer
            }
            let task: TaskBody = try second.data()
            #expect(task.status == "success" && second.headers["idempotency-replayed"] == "true")
            #expect(try await api.eventCount() == 1)
        }
    }
}
