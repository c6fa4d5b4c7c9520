import Foundation
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("GET and POST …/task (PostgreSQL)")
struct TaskRouteTests {
    @Test("lists a session's tasks page by page, in both directions, without planning ones")
    func pages() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            // Two at a time were created at the same instant, so that the id must decide.
            try await api.database.script(
                """
                INSERT INTO public.tasks (session_id, project_id, "order", data, created_at, is_planning)
                SELECT '\(session)', '\(api.project)', n, '{"task_description": "t"}',
                    timestamptz '2026-02-23T07:42:45.123456Z' + (n / 2) * interval '1 microsecond', n = 7
                FROM generate_series(1, 12) AS n
                """
            )
            let expected: [UUID] = try await api.database.values(
                "SELECT id FROM public.tasks WHERE NOT is_planning ORDER BY created_at, id"
            )
            for (query, ids) in [("", expected), ("&time_desc=true", expected.reversed())] {
                var seen: [String] = []
                var cursor: String?
                for page in 0..<4 {
                    let next = cursor.map { "&cursor=\($0)" } ?? ""
                    let body: TaskPage = try await api.client.send(
                        "GET", "/api/v1/session/\(session)/task?limit=3\(query)\(next)"
                    ).data()
                    seen += body.items.map(\.id)
                    cursor = body.next_cursor
                    #expect(body.has_more == (page < 3) && (cursor != nil) == (page < 3))
                }
                #expect(seen == ids.map(\.lowercased))
            }
        }
    }

    @Test("makes and takes upstream's cursors")
    func cursorVector() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            try await api.database.script(
                """
                INSERT INTO public.tasks (id, session_id, project_id, "order", data, created_at) VALUES
                ('3fa85f64-5717-4562-b3fc-2c963f66afa6', '\(session)', '\(api.project)', 1, '{}', '2026-02-23T07:42:45.123456Z'),
                (gen_random_uuid(), '\(session)', '\(api.project)', 2,
                    '{"task_description": "é", "progresses": ["a"], "user_preferences": null}', '2026-02-23T07:42:45.2Z')
                """
            )
            let vector = "MTc3MTgzMjU2NTEyMzQ1NjAwMHwzZmE4NWY2NC01NzE3LTQ1NjItYjNmYy0yYzk2M2Y2NmFmYTY"
            let first: TaskPage = try await api.client.send("GET", "/api/v1/session/\(session)/task?limit=1").data()
            #expect(first.next_cursor == vector)
            #expect(first.items.first?.created_at == "2026-02-23T07:42:45.123456Z")
            #expect(first.items.first?.data == .init(task_description: "", progresses: nil, user_preferences: nil))
            let second: TaskPage = try await api.client.send(
                "GET", "/api/v1/session/\(session)/task?limit=&cursor=\(vector)&cursor=x"
            ).data()
            #expect(second.items.map(\.order) == [2] && !second.has_more && second.next_cursor == nil)
            #expect(second.items.first?.created_at == "2026-02-23T07:42:45.2Z")
            #expect(second.items.first?.data == .init(task_description: "é", progresses: ["a"], user_preferences: nil))
        }
    }

    @Test("says what is wrong with a list's query or session, in upstream's words")
    func listFailures() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let path = "/api/v1/session/\(session)/task"
            let empty = try await api.client.send("GET", path)
            #expect(
                try empty.data(as: TaskPage.self).items.isEmpty && empty.text.contains(#""items":[],"has_more":false}"#)
            )
            for query in ["limit=0", "limit=201", "limit=x", "limit=1.0", "time_desc=yes", "time_desc=2"] {
                try expect(try await api.client.send("GET", "\(path)?\(query)"), 400, "parameter error", query)
            }
            for cursor in ["x", "AAAA", "%00", "MXwy"] {
                let answer = try await api.client.send("GET", "\(path)?cursor=\(cursor)")
                try expect(answer, 400, code: 500, "database error", cursor)
            }
            try expect(try await api.client.send("GET", "/api/v1/session/x/task"), 400, "parameter error")
        }
    }

    @Test("tells a session that is missing from one of another project", arguments: ["GET", "POST"])
    func foreign(method: String) async throws {
        try await withAPI { api in
            let other = try await api.makeProject(phc: "unused")
            let foreign = try await api.makeSession(project: other.id)
            let body = method == "GET" ? nil : #"{"task_description":"x"}"#
            try expect(
                try await api.client.send(method, "/api/v1/session/\(UUID())/task", body: body), 404,
                "session not found"
            )
            try expect(
                try await api.client.send(method, "/api/v1/session/\(foreign)/task", body: body), 403,
                "access denied: session does not belong to this project"
            )
        }
    }

    @Test("appends a task with all that it was given, and an event when it is finished and learned from")
    func append() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            try await api.learn(space: try await api.makeSpace(), session: session)
            let path = "/api/v1/session/\(session)/task"
            let first: TaskBody = try await api.client.send("POST", path, body: #"{"task_description":"one"}"#)
                .data(status: 201)
            #expect(first.order == 1 && first.status == "pending" && first.data.progresses == nil)
            #expect(api.wakes.value == 0)
            let second: TaskBody = try await api.client.send(
                "POST", path,
                body: """
                    {"task_description": "two \\u00e9", "progresses": ["a", "b\\n"], "user_preferences": ["c"],
                     "status": "success"}
                    """
            ).data(status: 201)
            #expect(second.order == 2 && second.status == "success")
            #expect(
                second.data == .init(task_description: "two é", progresses: ["a", "b\n"], user_preferences: ["c"])
            )
            #expect(api.wakes.value == 1)
            #expect(try await api.database.value("SELECT count(*) FROM skillrelay.outbox", as: Int64.self) == 1)
        }
    }

    @Test("refuses to append what is no task")
    func appendFailures() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let before = try await api.footprint()
            for body in [
                nil, "", "{}", "null", "[]", #"{"task_description":null}"#, #"{"task_description":1}"#,
                #"{"task_description":"x","progresses":"a"}"#, #"{"task_description":"x","progresses":[1]}"#,
                #"{"task_description":"x","user_preferences":{"a":1}}"#, #"{"task_description":"x","status":1}"#,
                #"{"task_description":"x\u0000"}"#, #"{"task_description":"x","progresses":["\udc00"]}"#,
            ] {
                let answer = try await api.client.send("POST", "/api/v1/session/\(session)/task", body: body)
                try expect(answer, 400, "parameter error", body ?? "no body")
            }
            let answer = try await api.client.send(
                "POST", "/api/v1/session/\(session)/task", body: #"{"task_description":"x","status":"done"}"#
            )
            try expect(answer, 400, "invalid status value, must be one of: success, failed, running, pending")
            #expect(try await api.footprint() == before)
        }
    }

    @Test("appends at the same time get orders of their own")
    func concurrentAppends() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let orders = try await withThrowingTaskGroup(of: Int.self) { group in
                for n in 0..<8 {
                    group.addTask {
                        try await api.client.send(
                            "POST", "/api/v1/session/\(session)/task", body: #"{"task_description":"\#(n)"}"#
                        ).data(as: TaskBody.self, status: 201).order
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(orders.sorted() == Array(1...8))
        }
    }
}
