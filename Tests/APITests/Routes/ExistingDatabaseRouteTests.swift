import Foundation
import Support
import Testing

@testable import API

@Suite("The routes on a database that Acontext made (PostgreSQL)", .timeLimit(.minutes(2)))
struct ExistingDatabaseRouteTests {
    private struct Identified: Decodable { let id: String }
    private struct Flush: Decodable { let status: Int }
    private struct Events: Decodable { let items: [Identified] }

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

    @Test(
        "make tasks of messages where these have upstream's meta, and say clearly where they have not",
        arguments: AcontextDatabase.allCases)
    func flush(kind: AcontextDatabase) async throws {
        try await kind.with { database in
            try await database.migrate()
            try await withAPI(on: database, at: database.url) { api in
                let path = "/api/v1/session/\(try await api.makeSession())"
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
