import Foundation
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("POST /session (PostgreSQL)")
struct SessionRouteTests {
    private struct Session: Decodable {
        let id: String
        let project_id: String
        let user_id: String?
        let disable_task_tracking: Bool
        let disable_task_status_change: Bool
        let created_at: String
        let updated_at: String
    }

    @Test("needs no body and no content type")
    func empty() async throws {
        try await withAPI { api in
            let answer = try await api.client.send("POST", "/api/v1/session")
            let session: Session = try answer.data(status: 201)
            #expect(UUID(uuidString: session.id) != nil && session.project_id == api.project.lowercased)
            #expect(!session.disable_task_tracking && !session.disable_task_status_change)
            #expect(answer.text.contains(#""user_id":null"#) && answer.text.contains(#""configs":null"#))
        }
    }

    @Test("reads JSON only from a JSON content type; otherwise the fields are not there")
    func contentTypes() async throws {
        try await withAPI { api in
            for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
                let session: Session = try await api.client.send(
                    "POST", "/api/v1/session", headers: ["content-type": type], body: #"{"disable_task_tracking":true}"#
                ).data(status: 201)
                #expect(!session.disable_task_tracking, "\(type)")
            }
            for type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
                let session: Session = try await api.client.send(
                    "POST", "/api/v1/session", headers: ["content-type": type], body: #"{"disable_task_tracking":true}"#
                ).data(status: 201)
                #expect(session.disable_task_tracking, "\(type)")
                let empty = try await api.client.send("POST", "/api/v1/session", headers: ["content-type": type])
                try expect(empty, 400, "parameter error", type)
            }
        }
    }

    @Test("keeps every field, and numbers exactly")
    func fields() async throws {
        try await withAPI { api in
            let answer = try await api.client.send(
                "POST", "/api/v1/session",
                body: """
                    {"user": "anna", "disable_task_tracking": true, "disable_task_status_change": true, "unknown": [1],
                     "configs": {"n": 9007199254740993, "f": 1.10, "n2": {"x": null}, "k": 1, "k": 2}}
                    """
            )
            let session: Session = try answer.data(status: 201)
            #expect(session.disable_task_tracking && session.disable_task_status_change && session.user_id != nil)
            for part in [#""n": 9007199254740993"#, #""f": 1.10"#, #""n2": {"x": null}"#, #""k": 2"#] {
                #expect(answer.text.contains(part), "\(part)")
            }
            let again: Session = try await api.client.send("POST", "/api/v1/session", body: #"{"user":"anna"}"#)
                .data(status: 201)
            #expect(again.user_id == session.user_id)
            let none: Session = try await api.client.send(
                "POST", "/api/v1/session",
                body: #"{"user":"","configs":null,"disable_task_tracking":null,"use_uuid":null}"#
            ).data(status: 201)
            #expect(none.user_id == nil)
        }
    }

    @Test("takes the id it is told; a repeat gets that session as it is, another project 409")
    func useUUID() async throws {
        try await withAPI { api in
            let id = UUID()
            let body = #"{"use_uuid":"{\#(id.uuidString)}","configs":{"a":1}}"#
            let session: Session = try await api.client.send("POST", "/api/v1/session", body: body).data(status: 201)
            #expect(session.id == id.lowercased)
            let before = try await api.footprint()
            let repeated = #"{"use_uuid":"\#(id)","user":"anna","configs":{"a":2},"disable_task_tracking":true}"#
            let answer = try await api.client.send("POST", "/api/v1/session", body: repeated)
            let same: Session = try answer.data()
            #expect(same.id == session.id && same.user_id == nil && !same.disable_task_tracking)
            #expect(answer.text.contains(#""configs":{"a": 1}"#))
            let stranger = api.client(token: try await api.makeProject(phc: "unused").token)
            try expect(
                try await stranger.send("POST", "/api/v1/session", body: repeated), 409,
                "session with this UUID already exists"
            )
            #expect(try await api.footprint() == before)
            for none in ["", "00000000-0000-0000-0000-000000000000"] {
                let session: Session = try await api.client.send(
                    "POST", "/api/v1/session", body: #"{"use_uuid":"\#(none)"}"#
                ).data(status: 201)
                #expect(session.id != none)
            }
            let bad = try await api.client.send("POST", "/api/v1/session", body: #"{"use_uuid":"x"}"#)
            try expect(bad, 400, "invalid UUID format for use_uuid")
        }
    }

    @Test("makes one session when many ask for one id at once")
    func useUUIDAtOnce() async throws {
        try await withAPI { api in
            for _ in 0..<5 {
                let body = #"{"use_uuid":"\#(UUID())","user":"\#(UUID())"}"#
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<6 {
                        group.addTask { try await api.client.send("POST", "/api/v1/session", body: body).status }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(statuses.sorted() == [200, 200, 200, 200, 200, 201])
            }
            #expect(try await api.database.value("SELECT count(*) FROM public.sessions") == 5)
            #expect(try await api.database.value("SELECT count(*) FROM public.users") == 5)
        }
    }

    @Test("refuses what it cannot keep")
    func failures() async throws {
        try await withAPI { api in
            let before = try await api.footprint()
            for body in [
                "{", "[]", #"{"user":1}"#, #"{"configs":[]}"#, #"{"configs":"{}"}"#,
                #"{"disable_task_tracking":"true"}"#,
                #"{"disable_task_status_change":1}"#, #"{"use_uuid":1}"#, #"{"configs":{"a":"\u0000"}}"#,
                #"{"configs":{"a":1e200000}}"#, #"{"configs":{"\ud800":1}}"#,
                #"{"user":"\#(String(repeating: "x", count: 2049))"}"#,
                #"{"configs":{"a":\#(String(repeating: "[", count: 20_000))}}"#,
                #"{"configs":{"a":\#(String(repeating: "9", count: 200_000))}}"#,
            ] {
                let answer = try await api.client.send("POST", "/api/v1/session", body: body)
                try expect(answer, 400, "parameter error", String(body.prefix(60)))
            }
            #expect(try await api.footprint() == before)
        }
    }

    @Test("keeps the longest user and numbers of ten thousand digits")
    func extremes() async throws {
        try await withAPI { api in
            // Random, so that the index entry cannot be compressed to fit.
            let user = String((0..<2048).compactMap { _ in "abcdefghijklmnopqrstuvwxyz0123456789".randomElement() })
            let digits = "7" + String(repeating: "1234567890", count: 999) + "123456789"
            let answer = try await api.client.send(
                "POST", "/api/v1/session", body: #"{"user":"\#(user)","configs":{"n":\#(digits),"tiny":1e-300}}"#
            )
            let _: Session = try answer.data(status: 201)
            #expect(answer.text.contains(digits))
        }
    }
}
