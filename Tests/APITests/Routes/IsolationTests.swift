import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("A key of another project (PostgreSQL)")
struct IsolationTests {
    private static let denied = "access denied: session does not belong to this project"
    private static let noSpace = "learning space not found"

    @Test("changes nothing and is shown nothing, whatever the route")
    func everyRoute() async throws {
        try await withAPI { api in
            let (session, space, skill) = (
                try await api.makeSession(), try await api.makeSpace(), try await api.makeSkill()
            )
            try await api.learn(space: space, session: session)
            try await api.include(skill: skill, space: space)
            _ = try await api.makeUser("anna")
            let free = try await api.makeSession()
            // What the stranger has of its own, to tie ours to.
            let other = try await api.makeProject(phc: "unused")
            let (theirSession, theirSpace, theirSkill) = (
                try await api.makeSession(project: other.id), try await api.makeSpace(project: other.id),
                try await api.makeSkill(project: other.id)
            )
            let stranger = api.client(token: other.token)
            let before = try await api.footprint()
            let sessions = "/session/\(session)"
            let spaces = "/learning_spaces/\(space)"
            let requests: [(method: String, path: String, body: String?, status: Int, message: String)] = [
                ("POST", "/session", #"{"use_uuid":"\#(session)"}"#, 409, "session with this UUID already exists"),
                ("GET", "\(sessions)/configs", nil, 403, Self.denied),
                ("PUT", "\(sessions)/configs", #"{"configs":{"a":1}}"#, 403, Self.denied),
                ("PATCH", "\(sessions)/configs", #"{"configs":{"a":1}}"#, 404, "session not found"),
                ("DELETE", sessions, nil, 403, Self.denied),
                ("GET", spaces, nil, 404, Self.noSpace),
                ("PATCH", spaces, #"{"meta":{"a":1}}"#, 404, Self.noSpace),
                ("DELETE", spaces, nil, 404, Self.noSpace),
                ("POST", "\(spaces)/learn", #"{"session_id":"\#(free)"}"#, 404, Self.noSpace),
                (
                    "POST", "\(spaces)/learn", #"{"session_id":"\#(theirSession)","include_finished":true}"#, 404,
                    Self.noSpace
                ),
                ("GET", "\(spaces)/sessions", nil, 404, Self.noSpace),
                ("GET", "\(spaces)/sessions/\(session)", nil, 404, Self.noSpace),
                ("POST", "\(spaces)/skills", #"{"skill_id":"\#(theirSkill)"}"#, 404, Self.noSpace),
                ("GET", "\(spaces)/skills", nil, 404, Self.noSpace),
                ("DELETE", "\(spaces)/skills/\(skill)", nil, 404, Self.noSpace),
                // Ours, by way of the stranger's own space.
                (
                    "POST", "/learning_spaces/\(theirSpace)/learn", #"{"session_id":"\#(free)"}"#, 404,
                    "session not found"
                ),
                (
                    "POST", "/learning_spaces/\(theirSpace)/learn", #"{"session_id":"\#(session)"}"#, 404,
                    "session not found"
                ),
                (
                    "GET", "/learning_spaces/\(theirSpace)/sessions/\(session)", nil, 404,
                    "learning space session not found"
                ),
                (
                    "POST", "/learning_spaces/\(theirSpace)/skills", #"{"skill_id":"\#(skill)"}"#, 404,
                    "skill not found"
                ),
                ("DELETE", "/learning_spaces/\(theirSpace)/skills/\(skill)", nil, 200, "ok"),
                ("GET", "/user/anna/resources", nil, 404, "user not found"),
                ("DELETE", "/user/anna", nil, 200, ""),
            ]
            for (method, path, body, status, message) in requests {
                let answer = try await stranger.send(method, "/api/v1\(path)", body: body)
                try expect(answer, status, message, "\(method) \(path)")
                #expect(try await api.footprint() == before, "\(method) \(path)")
            }
            // The lists have the stranger's own and no more.
            let ours = [session, space, skill, free].map(\.lowercased)
            for path in [
                "/session", "/session?limit=200&time_desc=true", "/learning_spaces", "/user/ls",
                "/learning_spaces/\(theirSpace)/sessions", "/learning_spaces/\(theirSpace)/skills",
            ] {
                let answer = try await stranger.send("GET", "/api/v1\(path)")
                #expect(answer.status == 200 && !answer.text.contains("anna"), "\(path): \(answer.text)")
                #expect(!ours.contains { answer.text.contains($0) }, "\(path): \(answer.text)")
            }
            #expect(try await api.footprint() == before)
        }
    }
}
