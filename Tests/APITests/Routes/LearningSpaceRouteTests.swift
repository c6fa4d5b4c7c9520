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
