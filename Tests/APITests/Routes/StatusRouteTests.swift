import Foundation
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("PATCH …/task/{id}/status (PostgreSQL)")
struct StatusRouteTests {
    private static let invalid = "invalid status value, must be one of: success, failed, running, pending"
    private static let notFound = "task not found or does not belong to this session"

    @Test("sets each of the four statuses and answers with the task", arguments: TaskStatus.allCases)
    func valid(status: TaskStatus) async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let task = try await api.makeTask(in: session)
            let answer = try await api.client.send(
                "PATCH", "/api/v1/session/\(session)/task/\(task)/status", body: #"{"status":"\#(status)"}"#
            )
            let body: TaskBody = try answer.data()
            #expect(body.id == task.lowercased && body.session_id == session.lowercased)
            #expect(body.project_id == api.project.lowercased)
            #expect(body.status == status.rawValue)
            #expect(body.order == 1 && !body.is_planning)
            #expect(body.data == .init(task_description: "do it", progresses: nil, user_preferences: nil))
            #expect(!answer.text.contains("hidden"))
            for time in [body.created_at, body.updated_at] {
                #expect(time.contains(#/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z$/#), "\(time)")
            }
            #expect(
                try await api.database.value(
                    "SELECT status FROM public.tasks WHERE id = $1 AND updated_at > created_at", [.uuid(task)]
                ) == status.rawValue
            )
        }
    }

    @Test("writes an event and wakes the relay only when the session learns from that status")
    func events() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let task = try await api.makeTask(in: session)
            let path = "/api/v1/session/\(session)/task/\(task)/status"
            func events() async throws -> Int64 {
                try await api.database.value("SELECT count(*) FROM skillrelay.outbox")
            }
            let _: TaskBody = try await api.client.send("PATCH", path, body: #"{"status":"success"}"#).data()
            #expect(try await events() == 0)
            try await api.learn(space: try await api.makeSpace(), session: session)
            for (status, expected) in [("running", 0), ("pending", 0), ("success", 1), ("failed", 2), ("failed", 3)] {
                let _: TaskBody = try await api.client.send("PATCH", path, body: #"{"status":"\#(status)"}"#).data()
                #expect(try await events() == Int64(expected), "\(status)")
                #expect(api.wakes.value == expected, "\(status)")
            }
        }
    }

    @Test("hands the request's trace context to the event")
    func trace() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let task = try await api.makeTask(in: session)
            try await api.learn(space: try await api.makeSpace(), session: session)
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let _: TaskBody = try await api.client.send(
                "PATCH", "/api/v1/session/\(session)/task/\(task)/status",
                headers: ["traceparent": parent, "tracestate": "vendor=1"], body: #"{"status":"success"}"#
            ).data()
            let headers: String = try await api.database.value("SELECT headers::text FROM skillrelay.outbox")
            #expect(headers.contains(parent) && headers.contains("vendor=1"))
        }
    }

    @Test("refuses any other body before it looks at the ids, whatever its content type")
    func invalidBody() async throws {
        try await withAPI { api in
            for body in [
                nil, "", "{}", "null", "[]", "{", #"{"status":null}"#, #"{"status":1}"#, #"{"status":["success"]}"#,
                #"{"status":""}"#, #"{"status":"Success"}"#, #"{"status":" success"}"#, #"{"status":"done"}"#,
                #"{"status":"success"} x"#, #"{"status":"success","status":"x"}"#, #"{"status":"success\u0000"}"#,
                #"{"Status":"success"}"#, #"{"status":"success","x":"\ud800"}"#,
            ] {
                let answer = try await api.client.send("PATCH", "/api/v1/session/x/task/y/status", body: body)
                try expect(answer, 400, Self.invalid, body ?? "no body")
            }
        }
    }

    @Test("checks auth, body, session id, task id and row in this order")
    func order() async throws {
        try await withAPI { api in
            let id = UUID().lowercased
            let good = #"{"status":"success"}"#
            let stranger = api.client(token: "sk-ac-unknown")
            try expect(
                try await stranger.send("PATCH", "/api/v1/session/x/task/y/status", body: "x"), 401, "Unauthorized"
            )
            try expect(
                try await api.client.send("PATCH", "/api/v1/session/x/task/y/status", body: good), 400,
                "invalid session_id"
            )
            try expect(
                try await api.client.send("PATCH", "/api/v1/session/\(id)/task/y/status", body: good), 400,
                "invalid task_id"
            )
            try expect(
                try await api.client.send("PATCH", "/api/v1/session/\(id)/task/\(id)/status", body: good), 404,
                Self.notFound
            )
        }
    }

    @Test("says 404 alike for a task that is missing, of another session or of another project, and changes nothing")
    func notFound() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let task = try await api.makeTask(in: session)
            let other = try await api.makeProject(phc: "unused")
            let foreign = try await api.makeSession(project: other.id)
            let foreignTask = try await api.makeTask(in: foreign, project: other.id)
            let sibling = try await api.makeSession()
            let before = try await api.footprint()
            for (session, task) in [
                (session, UUID()), (UUID(), task), (sibling, task), (foreign, foreignTask), (foreign, task),
            ] {
                let answer = try await api.client.send(
                    "PATCH", "/api/v1/session/\(session)/task/\(task)/status", body: #"{"status":"success"}"#
                )
                try expect(answer, 404, Self.notFound)
            }
            #expect(try await api.footprint() == before)
        }
    }

    @Test("takes ids in every spelling, and unknown and repeated keys")
    func spellings() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let task = try await api.makeTask(in: session)
            let spellings: [(UUID) -> String] = [
                { $0.uuidString }, { $0.lowercased }, { "%7B\($0)%7D" }, { "{\($0)}" }, { "urn:uuid:\($0)" },
                { "URN%3AUUID%3A\($0)" }, { $0.lowercased.replacing("-", with: "") },
            ]
            for spell in spellings {
                let _: TaskBody = try await api.client.send(
                    "PATCH", "/api/v1/session/\(spell(session))/task/\(spell(task))/status",
                    headers: ["content-type": "text/plain"],
                    body: #"{"status":"nope","x":{"status":1},"status":"failed"}"#
                ).data()
            }
        }
    }
}
