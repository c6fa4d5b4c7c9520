import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("GET …/task/{id}/events, and SkillRelay-Event-Id (PostgreSQL)")
struct TaskEventRouteTests {
    private struct Event: Decodable {
        struct Replay: Decodable, Equatable {
            let id: String
            let queued_at: String
            let new_id: String?
        }

        let id: String
        let type: String?
        let state: String
        let created_at: String
        let attempts: Int?
        let last_error: String?
        let next_attempt_at: String?
        let confirmations: [String]
        let replays: [Replay]
    }

    private struct Page: Decodable {
        let items: [Event]
        let has_more: Bool
        let next_cursor: String?
    }

    /// Changes a task's status; the event that the answer names.
    private static func change(_ api: APIFixture, _ path: String, to status: String) async throws -> String? {
        let answer = try await api.client.send("PATCH", path, body: #"{"status":"\#(status)"}"#)
        #expect(answer.status == 200)
        return answer.headers["skillrelay-event-id"]
    }

    @Test("an answer names the event that the change has written, and the task's events are that one")
    func header() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            #expect(try await Self.change(api, path, to: "running") == nil)
            let first = try #require(try await Self.change(api, path, to: "success"))
            let second = try #require(try await Self.change(api, path, to: "failed"))
            let events: Page = try await api.client.send("GET", path.replacing("/status", with: "/events")).data()
            #expect(events.items.map(\.id) == [second, first] && !events.has_more && events.next_cursor == nil)
            for event in events.items {
                #expect(event.type == "SkillLearnTask" && event.state == "pending" && event.attempts == 0)
                #expect(event.last_error == nil && event.confirmations.isEmpty && event.replays.isEmpty)
                #expect(event.created_at.hasSuffix("Z"))
            }

            let tasks = path.prefix(upTo: try #require(path.range(of: "/task/")).lowerBound) + "/task"
            let body = #"{"task_description":"x","status":"success"}"#
            let appended = try await api.client.send("POST", String(tasks), body: body)
            let task: TaskBody = try appended.data(status: 201)
            let event = try #require(appended.headers["skillrelay-event-id"])
            let own: Page = try await api.client.send("GET", "\(tasks)/\(task.id)/events").data()
            #expect(own.items.map(\.id) == [event])
            let pending = try await api.client.send("POST", String(tasks), body: #"{"task_description":"x"}"#)
            #expect(pending.status == 201 && pending.headers["skillrelay-event-id"] == nil)
        }
    }

    @Test("each event is told with its state and its story")
    func stories() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let (delivered, dead, delayed) = (
                try #require(try await Self.change(api, path, to: "success")),
                try #require(try await Self.change(api, path, to: "success")),
                try #require(try await Self.change(api, path, to: "success"))
            )
            let run = UUID()
            try await api.database.script(
                """
                DELETE FROM skillrelay.outbox_pending WHERE id IN ('\(delivered)', '\(dead)');
                INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids, confirmed_at) VALUES
                    ('\(delivered)', '\(delivered)', ARRAY['\(delivered)']::uuid[], '2026-02-23T07:42:45.12Z'),
                    ('\(delivered)', '\(delivered)', ARRAY['\(delivered)']::uuid[], '2026-02-24T07:42:45Z');
                INSERT INTO skillrelay.replay_batches (replay_id, least, greatest, ids, queued_at)
                VALUES ('\(run)', '\(delivered)', '\(delivered)', ARRAY['\(delivered)']::uuid[], '2026-02-24T07:42:44Z');
                INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) VALUES ('\(dead)', 5, 'too "large"');
                UPDATE skillrelay.outbox_pending SET attempts = 2, last_error = 'nacked', next_attempt_at = now() + interval '1 h';
                """)
            let answer = try await api.client.send("GET", path.replacing("/status", with: "/events"))
            let items = try answer.data(as: Page.self).items
            #expect(items.map(\.id) == [delayed, dead, delivered])
            #expect(items.map(\.state) == ["pending", "dead", "delivered"])
            #expect(items.map(\.attempts) == [2, 5, nil])
            #expect(items.map(\.last_error) == ["nacked", #"too "large""#, nil])
            #expect(items.map { $0.next_attempt_at != nil } == [true, false, false])
            #expect(items.map(\.confirmations) == [[], [], ["2026-02-23T07:42:45.12Z", "2026-02-24T07:42:45Z"]])
            #expect(
                items[2].replays
                    == [.init(id: run.uuidString.lowercased(), queued_at: "2026-02-24T07:42:44Z", new_id: nil)])
            // Null is written, not left out.
            #expect(answer.text.contains(#""attempts":null,"last_error":null,"next_attempt_at":null"#))
        }
    }

    @Test("comes in pages, the newest first")
    func pages() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            var written: [String] = []
            for _ in 0..<5 { written.append(try #require(try await Self.change(api, path, to: "success"))) }
            let events = path.replacing("/status", with: "/events")
            var seen: [String] = []
            var cursor: String?
            repeat {
                let page: Page = try await api.client.send(
                    "GET", events + "?limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
                ).data()
                seen += page.items.map(\.id)
                cursor = page.next_cursor
                #expect(page.has_more == (cursor != nil))
            } while cursor != nil
            #expect(seen == written.reversed())
            for query in ["limit=0", "limit=201", "limit=x"] {
                try expect(try await api.client.send("GET", "\(events)?\(query)"), 400, "parameter error", query)
            }
            try expect(try await api.client.send("GET", "\(events)?cursor=x"), 400, code: 500, "database error")
        }
    }

    @Test("tells nothing of what is not the caller's")
    func isolation() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask().replacing("/status", with: "/events")
            let task = path.split(separator: "/")[5]
            let other = try await api.makeProject(phc: "unused")
            let foreign = "access denied: session does not belong to this project"
            let notFound = "task not found or does not belong to this session"
            try expect(try await api.client(token: other.token).send("GET", path), 403, foreign)
            let (theirs, mine) = (try await api.makeSession(project: other.id), try await api.makeSession())
            try expect(
                try await api.client(token: other.token).send("GET", "/api/v1/session/\(theirs)/task/\(task)/events"),
                404,
                notFound)
            try expect(try await api.client.send("GET", "/api/v1/session/\(mine)/task/\(task)/events"), 404, notFound)
            try expect(
                try await api.client.send("GET", "/api/v1/session/\(UUID())/task/\(task)/events"), 404,
                "session not found")
            try expect(
                try await api.client.send("GET", path.replacing(task, with: UUID().uuidString)), 404, notFound)
            try expect(
                try await api.client.send("GET", "/api/v1/session/x/task/\(task)/events"), 400, "invalid session_id")
            try expect(try await api.client.send("GET", path.replacing(task, with: "x")), 400, "invalid task_id")
            try expect(try await api.client.send("POST", path), 405, "method not allowed")
        }
    }
}
