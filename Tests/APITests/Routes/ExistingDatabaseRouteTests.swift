import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("The routes on a database that Acontext made (PostgreSQL)", .timeLimit(.minutes(2)))
struct ExistingDatabaseRouteTests {
    private struct Identified: Decodable { let id: String }
    private struct Flush: Decodable { let status: Int }
    private struct Events: Decodable { let items: [Identified] }
    private struct MessageList: Decodable { let ids: [String] }
    private struct Status: Decodable { let session_task_process_status: String }

    @Test("lead from a session to a lesson on each of them", arguments: AcontextDatabase.allCases)
    func flow(kind: AcontextDatabase) async throws {
        try await kind.with { database in
            try await database.migrate()
            try await withAPI(on: database, at: database.url) { api in
                let created = try await api.client.send(
                    "POST", "/api/v1/session",
                    body: #"{"user":"anna","configs":{"a":1.0},"disable_task_status_change":true}"#)
                let session: Identified = try created.data(status: 201)
                #expect(created.text.contains(#""disable_task_status_change":true"#))
                let tasks = "/api/v1/session/\(session.id)/task"
                let appended = try await api.client.send(
                    "POST", tasks, body: #"{"task_description":"x","progresses":["y"]}"#)
                let task: TaskBody = try appended.data(status: 201)
                let listed: TaskPage = try await api.client.send("GET", tasks).data()
                #expect(listed.items == [task])

                let space: Identified = try await api.client.send(
                    "POST", "/api/v1/learning_spaces", body: #"{"user":"bert","meta":{"b":2}}"#
                ).data(status: 201)
                let found: Identified = try await api.client.send("GET", "/api/v1/learning_spaces/\(space.id)").data()
                #expect(found.id == space.id)
                let learn = "/api/v1/learning_spaces/\(space.id)/learn"
                let _: Identified = try await api.client.send(
                    "POST", learn, body: #"{"session_id":"\#(session.id)"}"#
                ).data(status: 201)
                try expect(
                    try await api.client.send("POST", learn, body: #"{"session_id":"\#(session.id)"}"#), 409,
                    "session already learned by another space")

                let changed = try await api.client.send(
                    "PATCH", "\(tasks)/\(task.id)/status", headers: ["idempotency-key": "k"],
                    body: #"{"status":"success"}"#)
                #expect(try changed.data(as: TaskBody.self).status == "success")
                let events: Events = try await api.client.send("GET", "\(tasks)/\(task.id)/events").data()
                #expect(events.items.map(\.id) == [changed.headers["skillrelay-event-id"]])
            }
        }
    }

    @Test("show, change and delete what there is", arguments: AcontextDatabase.allCases)
    func rest(kind: AcontextDatabase) async throws {
        try await kind.with { database in
            try await database.migrate()
            try await withAPI(on: database, at: database.url) { api in
                let created: Identified = try await api.client.send(
                    "POST", "/api/v1/session", body: #"{"user":"anna"}"#
                ).data(status: 201)
                let (session, space) = (created.id, try await api.makeSpace().lowercased)
                let skill = try await api.makeSkill().lowercased
                for (method, path, body, status) in [
                    ("GET", "session?user=anna&filter_by_configs=%7B%7D&limit=1", nil, 200),
                    ("PUT", "session/\(session)/configs", #"{"configs":{"a":1}}"#, 200),
                    ("PATCH", "session/\(session)/configs", #"{"configs":{"b":2}}"#, 200),
                    ("GET", "session/\(session)/configs", nil, 200),
                    ("GET", "session/\(session)/observing_status", nil, 200),
                    ("GET", "learning_spaces?limit=1", nil, 200),
                    ("PATCH", "learning_spaces/\(space)", #"{"meta":{"a":1}}"#, 200),
                    ("POST", "learning_spaces/\(space)/learn", #"{"session_id":"\#(session)"}"#, 201),
                    ("GET", "learning_spaces/\(space)/sessions", nil, 200),
                    ("GET", "learning_spaces/\(space)/sessions/\(session)", nil, 200),
                    ("POST", "learning_spaces/\(space)/skills", #"{"skill_id":"\#(skill)"}"#, 201),
                    ("GET", "learning_spaces/\(space)/skills", nil, 200),
                    ("DELETE", "learning_spaces/\(space)/skills/\(skill)", nil, 200),
                    ("GET", "user/ls?limit=1", nil, 200),
                    ("GET", "user/anna/resources", nil, 200),
                    ("DELETE", "learning_spaces/\(space)", nil, 200),
                    ("DELETE", "session/\(session)", nil, 200),
                    ("DELETE", "user/anna", nil, 200),
                ] as [(String, String, String?, Int)] {
                    let answer = try await api.client.send(method, "/api/v1/" + path, body: body)
                    #expect(answer.status == status, "\(method) \(path): \(answer.text)")
                }
            }
        }
    }

    @Test(
        "make tasks of messages where these have upstream's meta, and say clearly where they have not",
        arguments: AcontextDatabase.allCases)
    func flush(kind: AcontextDatabase) async throws {
        try await kind.with { database in
            try await database.migrate()
            try await withAPI(on: database, at: database.url) { api in
                let path = "/api/v1/session/\(try await api.makeSession())"
                let untracked: Identified = try await api.client.send(
                    "POST", "/api/v1/session", body: #"{"disable_task_tracking":true}"#
                ).data(status: 201)
                let messages = [("user", "go"), ("assistant", "gone")].map { role, text in
                    #"{"blob":{"role":"\#(role)","content":"\#(text)"}}"#
                }
                guard !kind.isCOREsAlone else {
                    let noMeta =
                        "this database has no messages.meta: start Acontext's API on it once, which adds the column"
                    try expect(try await api.client.send("POST", path + "/messages", body: messages[0]), 409, noMeta)
                    try expect(try await api.client.send("GET", path + "/messages"), 409, noMeta)
                    try expect(try await api.client.send("POST", path + "/flush"), 409, noMeta)
                    return
                }
                for message in messages {
                    let _: Identified = try await api.client.send("POST", path + "/messages", body: message)
                        .data(status: 201)
                }
                #expect(try await api.client.send("POST", path + "/flush").data(as: Flush.self).status == 200)
                let tasks: TaskPage = try await api.client.send("GET", path + "/task").data()
                #expect(tasks.items.map(\.data.progresses) == [["gone"]])
                // The branch's tables do not take `main`'s word.
                let ignored: Status = try await api.client.send(
                    "POST", "/api/v1/session/\(untracked.id)/messages", body: messages[0]
                ).data(status: 201)
                #expect(ignored.session_task_process_status == (kind.isMain ? "disable_tracking" : "pending"))
                let stored: MessageList = try await api.client.send("GET", path + "/messages").data()
                #expect(stored.ids.count == 2)
                for (method, path, body) in [
                    ("PATCH", path + "/messages/\(stored.ids[0])/meta", #"{"meta":{"a":1}}"#),
                    ("GET", path + "/token_counts", nil), ("GET", path + "/observing_status", nil),
                    ("DELETE", path, nil),
                ] as [(String, String, String?)] {
                    let answer = try await api.client.send(method, path, body: body)
                    #expect(answer.status == 200, "\(method) \(path): \(answer.text)")
                }
            }
        }
    }

    @Test("refuse a project with encryption at rest", arguments: AcontextDatabase.allCases.filter(\.isMain))
    func encrypted(kind: AcontextDatabase) async throws {
        try await kind.with { database in
            try await database.migrate()
            try await database.script("ALTER TABLE public.projects ALTER COLUMN encryption_enabled SET DEFAULT true")
            try await withAPI(on: database, at: database.url) { api in
                try expect(
                    try await api.client.send("POST", "/api/v1/session/\(UUID())/flush"), 403,
                    "this project uses encryption at rest, which SkillRelay does not support")
            }
        }
    }
}
