import Foundation
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("/learning_spaces (PostgreSQL)")
struct LearningSpaceRouteTests {
    private struct Space: Decodable {
        let id: String
        let user_id: String?
        let created_at: String
        let updated_at: String
    }

    private struct Tie: Decodable {
        let id: String
        let learning_space_id: String
        let session_id: String
        let status: String
        let created_at: String
        let updated_at: String
    }

    @Test("makes a space from any JSON object, whatever the content type says, and shows it")
    func create() async throws {
        try await withAPI { api in
            let answer = try await api.client.send(
                "POST", "/api/v1/learning_spaces", headers: ["content-type": "text/plain"],
                body: #"{"user":"anna","meta":{"a":[1.50]}}"#
            )
            let space: Space = try answer.data(status: 201)
            #expect(space.user_id != nil && answer.text.contains(#""meta":{"a": [1.50]}"#))
            #expect(!answer.text.contains("project_id"))
            let shown = try await api.client.send("GET", "/api/v1/learning_spaces/\(space.id)")
            #expect(try shown.data(as: Space.self).id == space.id)
            #expect(shown.text.contains(#""meta":{"a": [1.50]}"#))
            let bare = try await api.client.send("POST", "/api/v1/learning_spaces", body: "{}")
            #expect(try bare.data(as: Space.self, status: 201).user_id == nil)
            #expect(bare.text.contains(#""user_id":null,"meta":null"#))
        }
    }

    @Test("refuses a body that is none, and ids that are none")
    func failures() async throws {
        try await withAPI { api in
            for body in [nil, "", "[]", "{", #"{"user":1}"#, #"{"meta":[]}"#, #"{"meta":{"a":"\udfff"}}"#] {
                let answer = try await api.client.send("POST", "/api/v1/learning_spaces", body: body)
                try expect(answer, 400, "parameter error", body ?? "no body")
            }
            try expect(try await api.client.send("GET", "/api/v1/learning_spaces/x"), 400, "parameter error")
            let space = try await api.makeSpace()
            for body in [nil, "{}", #"{"session_id":null}"#, #"{"session_id":"x"}"#, #"{"session_id":1}"#] {
                let answer = try await api.client.send("POST", "/api/v1/learning_spaces/\(space)/learn", body: body)
                try expect(answer, 400, "parameter error", body ?? "no body")
            }
            let answer = try await api.client.send(
                "POST", "/api/v1/learning_spaces/x/learn", body: #"{"session_id":"\#(UUID())"}"#
            )
            try expect(answer, 400, "parameter error")
        }
    }

    @Test("PATCH sets keys of the meta, also to null, and keeps numbers exactly")
    func patch() async throws {
        try await withAPI { api in
            let path = "/api/v1/learning_spaces/\(try await api.makeSpace())"
            for (patch, expected) in [
                ("{}", "{}"), (#"{"a":{"b":1.10},"n":null}"#, #"{"a": {"b": 1.10}, "n": null}"#),
                (#"{"a":{"c":9007199254740993}}"#, #"{"a": {"c": 9007199254740993}, "n": null}"#),
            ] {
                let before: Space = try await api.client.send("GET", path).data()
                let answer = try await api.client.send(
                    "PATCH", path, headers: ["content-type": "text/plain"], body: #"{"meta":\#(patch)}"#
                )
                let space: Space = try answer.data()
                #expect(space.id == before.id && space.updated_at != before.updated_at)
                #expect(answer.text.contains(#""meta":\#(expected)"#), "\(answer.text)")
            }
            let before = try await api.footprint()
            for body in [nil, "", "{}", #"{"meta":null}"#, #"{"meta":[]}"#, #"{"meta":{"a":"\u0000"}}"#] {
                let answer = try await api.client.send("PATCH", path, body: body)
                try expect(answer, 400, "parameter error", body ?? "no body")
            }
            let unknown = "/api/v1/learning_spaces/\(UUID())"
            try expect(
                try await api.client.send("PATCH", unknown, body: #"{"meta":{}}"#), 404, "learning space not found")
            #expect(try await api.footprint() == before)
        }
    }

    @Test("DELETE takes a space and its ties, and leaves its sessions and skills")
    func delete() async throws {
        try await withAPI { api in
            let (space, session) = (try await api.makeSpace(), try await api.makeSession())
            try await api.learn(space: space, session: session)
            try await api.include(skill: try await api.makeSkill(), space: space)
            let path = "/api/v1/learning_spaces/\(space)"
            try expect(try await api.client.send("DELETE", path), 200, "ok")
            try expect(try await api.client.send("DELETE", path), 404, "learning space not found")
            try expect(try await api.client.send("DELETE", "/api/v1/learning_spaces/x"), 400, "parameter error")
            for (table, count) in [
                ("learning_spaces", 0), ("learning_space_sessions", 0), ("learning_space_skills", 0), ("sessions", 1),
                ("agent_skills", 1),
            ] {
                #expect(try await api.database.value("SELECT count(*) FROM public.\(table)") == count, "\(table)")
            }
            // Another space may have the session now.
            let learn = "/api/v1/learning_spaces/\(try await api.makeSpace())/learn"
            #expect(try await api.client.send("POST", learn, body: #"{"session_id":"\#(session)"}"#).status == 201)
        }
    }

    @Test("shows its sessions in the order in which they came, with whatever status, and changes nothing by that")
    func sessions() async throws {
        try await withAPI { api in
            let space = try await api.makeSpace()
            let path = "/api/v1/learning_spaces/\(space)/sessions"
            #expect(try await api.client.send("GET", path).text.contains(#""data":[]"#))
            var sessions: [String] = []
            for _ in 0..<3 {
                let session = try await api.makeSession()
                try await api.learn(space: space, session: session)
                sessions.append(session.lowercased)
            }
            try await api.learn(space: try await api.makeSpace(), session: try await api.makeSession())
            try await api.database.script(
                "UPDATE public.learning_space_sessions SET status = 'skill_writing' WHERE session_id = '\(sessions[1])'"
            )
            _ = try await api.makeTask(in: try #require(UUID(uuidString: sessions[0])))
            let before = try await api.footprint()
            let ties: [Tie] = try await api.client.send("GET", path).data()
            #expect(ties.map(\.session_id) == sessions)
            #expect(ties.map(\.status) == ["pending", "skill_writing", "pending"])
            let tie: Tie = try await api.client.send("GET", "\(path)/{\(sessions[1].uppercased())}").data()
            #expect(tie.id == ties[1].id && tie.status == "skill_writing")
            for session in [try await api.makeSession(), UUID()] {
                try expect(
                    try await api.client.send("GET", "\(path)/\(session)"), 404, "learning space session not found")
            }
            try expect(try await api.client.send("GET", "\(path)/x"), 400, "parameter error")
            let unknown = "/api/v1/learning_spaces/\(UUID())/sessions"
            try expect(try await api.client.send("GET", unknown), 404, "learning space not found")
            try expect(try await api.client.send("GET", "\(unknown)/\(sessions[0])"), 404, "learning space not found")
            try await api.database.script(
                "DELETE FROM public.sessions WHERE id NOT IN (SELECT session_id FROM public.learning_space_sessions)")
            #expect(try await api.footprint() == before)
        }
    }

    @Test("learns from finished tasks when it is told to: once, also when the request is repeated under its key")
    func includeFinished() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            for order in 1...4 { _ = try await api.makeTask(in: session, order: Int64(order)) }
            try await api.database.script(
                #"UPDATE public.tasks SET status = 'success' WHERE "order" < 3; UPDATE public.tasks SET is_planning = true WHERE "order" = 2"#
            )
            let path = "/api/v1/learning_spaces/\(try await api.makeSpace())/learn"
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let headers = ["idempotency-key": "k", "traceparent": trace]
            let body = #"{"session_id":"\#(session)","include_finished":true}"#
            for body in [#"{"session_id":"\#(session)","include_finished":"true"}"#, body.replacing("true", with: "1")]
            {
                try expect(
                    try await api.client.send("POST", path, headers: headers, body: body), 400, "parameter error")
            }
            for _ in 0..<2 {
                let answer = try await api.client.send("POST", path, headers: headers, body: body)
                #expect(try answer.data(as: Tie.self, status: 201).status == "pending")
                #expect(try await api.eventCount() == 1)
                #expect(api.wakes.value == 1)
            }
            #expect(try await api.database.value("SELECT headers ->> 'traceparent' FROM skillrelay.outbox") == trace)
            try expect(
                try await api.client.send("POST", path, body: body), 409, "session already learned by another space")
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("learns from nothing that was finished before unless it is told to")
    func finishedBefore() async throws {
        try await withAPI { api in
            for option in ["", #","include_finished":false"#, #","include_finished":null"#] {
                let session = try await api.makeSession()
                _ = try await api.makeTask(in: session)
                try await api.database.script("UPDATE public.tasks SET status = 'failed'")
                let path = "/api/v1/learning_spaces/\(try await api.makeSpace())/learn"
                let answer = try await api.client.send("POST", path, body: #"{"session_id":"\#(session)"\#(option)}"#)
                #expect(answer.status == 201)
            }
            #expect(try await api.eventCount() == 0)
            #expect(api.wakes.value == 0)
        }
    }

    @Test("shows no space of another project, and ties none to a session of another")
    func foreign() async throws {
        try await withAPI { api in
            let other = try await api.makeProject(phc: "unused")
            let foreignSpace = try await api.makeSpace(project: other.id)
            let foreignSession = try await api.makeSession(project: other.id)
            let (space, session) = (try await api.makeSpace(), try await api.makeSession())
            for id in [UUID(), foreignSpace] {
                try expect(
                    try await api.client.send("GET", "/api/v1/learning_spaces/\(id)"), 404, "learning space not found"
                )
                let answer = try await api.client.send(
                    "POST", "/api/v1/learning_spaces/\(id)/learn", body: #"{"session_id":"\#(session)"}"#
                )
                try expect(answer, 404, "learning space not found")
            }
            for id in [UUID(), foreignSession] {
                let answer = try await api.client.send(
                    "POST", "/api/v1/learning_spaces/\(space)/learn", body: #"{"session_id":"\#(id)"}"#
                )
                try expect(answer, 404, "session not found")
            }
        }
    }

    @Test("ties a session once, also when two ask at the same time")
    func learn() async throws {
        try await withAPI { api in
            let space = try await api.makeSpace()
            let session = try await api.makeSession()
            let tie: Tie = try await api.client.send(
                "POST", "/api/v1/learning_spaces/\(space)/learn", body: #"{"session_id":"urn:uuid:\#(session)"}"#
            ).data(status: 201)
            #expect(tie.learning_space_id == space.lowercased && tie.session_id == session.lowercased)
            #expect(tie.status == "pending")
            for other in [space, try await api.makeSpace()] {
                let answer = try await api.client.send(
                    "POST", "/api/v1/learning_spaces/\(other)/learn", body: #"{"session_id":"\#(session)"}"#
                )
                try expect(answer, 409, "session already learned by another space")
            }
            for _ in 0..<10 {
                let session = try await api.makeSession()
                let path = "/api/v1/learning_spaces/\(space)/learn"
                async let one = api.client.send("POST", path, body: #"{"session_id":"\#(session)"}"#).status
                async let two = api.client.send("POST", path, body: #"{"session_id":"\#(session)"}"#).status
                #expect(try await [one, two].sorted() == [201, 409])
            }
        }
    }
}
