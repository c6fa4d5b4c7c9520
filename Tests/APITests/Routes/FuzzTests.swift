import Foundation
import JSON
import Support
import Tasks
import Testing

@testable import API

@Suite("Every route with every kind of nonsense (PostgreSQL)")
struct FuzzTests {
    @Test("answers in the envelope, never with a 5xx, and changes nothing that it refuses", .timeLimit(.minutes(5)))
    func nonsense() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let task = try await api.makeTask(in: session)
            let space = try await api.makeSpace()
            try await api.learn(space: space, session: session)
            let skill = try await api.makeSkill()
            try await api.include(skill: skill, space: space)
            // Its name is replaced by nonsense like an id.
            let user = UUID()
            _ = try await api.makeUser(user.uuidString)
            let stored = try await api.client.storeMessage(#"{"role":"user","content":"x"}"#, in: session)
            let message = try #require(UUID(uuidString: try stored.json(status: 201)["id"]?.string ?? ""))
            let routes = [
                ("GET", "/session/\(session)/messages"), ("POST", "/session/\(session)/messages"),
                ("PATCH", "/session/\(session)/messages/\(message)/meta"), ("GET", "/session/\(session)/token_counts"),
                ("GET", "/session/\(session)/observing_status"),
                ("POST", "/session"), ("GET", "/session"), ("GET", "/session/\(session)/configs"),
                ("PUT", "/session/\(session)/configs"), ("PATCH", "/session/\(session)/configs"),
                ("GET", "/session/\(session)/task"), ("POST", "/session/\(session)/task"),
                ("PATCH", "/session/\(session)/task/\(task)/status"),
                ("GET", "/session/\(session)/task/\(task)/events"), ("POST", "/session/\(session)/flush"),
                ("POST", "/learning_spaces"), ("GET", "/learning_spaces"), ("GET", "/learning_spaces/\(space)"),
                ("PATCH", "/learning_spaces/\(space)"), ("POST", "/learning_spaces/\(space)/learn"),
                ("GET", "/learning_spaces/\(space)/sessions"),
                ("GET", "/learning_spaces/\(space)/sessions/\(session)"),
                ("POST", "/learning_spaces/\(space)/skills"), ("GET", "/learning_spaces/\(space)/skills"),
                ("DELETE", "/learning_spaces/\(space)/skills/\(skill)"), ("GET", "/user/ls"),
                ("GET", "/user/\(user)/resources"), ("DELETE", "/user/\(user)"),
                ("DELETE", "/learning_spaces/\(space)"), ("DELETE", "/session/\(session)"),
            ]
            var before = try await api.footprint()
            try await api.client.withConnection { connection in
                for (method, path) in routes {
                    for request in Self.requests(
                        method, "/api/v1" + path, ids: [session, task, space, skill, user, message])
                    {
                        let answer = try await connection.send(method, request.path, body: request.body)
                        let note = Comment(rawValue: "\(method) \(request): \(answer.text)".prefix(500).description)
                        #expect(answer.status < 500, note)
                        #expect(answer.headers["content-type"] == "application/json; charset=utf-8", note)
                        #expect(throws: Never.self, note) { try answer.decode(EnvelopeBody.self) }
                        let after = try await api.footprint()
                        #expect(answer.status < 300 || after == before, note)
                        before = after
                    }
                }
            }
        }
    }

    /// The route with bad bodies, if it takes one, with bad ids in place of each of its own, and with bad queries.
    private static func requests(_ method: String, _ path: String, ids: [UUID]) -> [(path: String, body: String?)] {
        let body = method == "GET" ? nil : #"{"status":"success","task_description":"x"}"#
        let takesBody = method != "GET" && method != "DELETE"
        let paths = ids.flatMap { id in Self.ids.map { path.replacing(id.uuidString, with: $0) } }
        return Set(paths).map { ($0, body) }
            + Self.queries.map { ("\(path)?\($0)", body) }
            + (takesBody ? Self.bodies.map { (path, $0) } : [])
    }

    /// Each value as a whole body, and as the value of every key that some route knows.
    private static let bodies: [String] = {
        let keys = [
            "status", "task_description", "progresses", "user_preferences", "user", "configs", "meta", "use_uuid",
            "session_id", "blob", "format", "disable_task_tracking", "disable_task_status_change", "skill_id",
            "include_finished",
        ]
        return Self.values
            + keys.flatMap { key in
                Self.values.map { #"{"task_description":"x","status":"success","\#(key)":\#($0)}"# }
            }
    }()

    private static let values: [String] = {
        let digits = String(repeating: "9", count: 10_000)
        let emoji = String(repeating: "😀", count: 10_000)
        let valid = [
            "null", "true", "0", "-1", "1e400", "1e-400", "1e131072", "1e99999999999", digits, "-0.\(digits)", "\"\"",
            "\"x\"", "\"\u{FFFF}\u{10FFFF}\"", "\"'; DROP TABLE x; --\"", "\"\(emoji)\"", "[]", "[[]]", "[null]",
            "[\"a\"]",
            "{}", "{\"\":{}}", "{\"a\":1,\"a\":2}", "{\"a\":1e131072}", "{\"a\":[1e-20000]}", "[\"\\u0001\\u007f\"]",
            String(repeating: "[", count: 99) + String(repeating: "]", count: 99),
        ]
        let invalid = [
            "", "\"\\u0000\"", "\"\u{0}\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "01", "tru", "\"", "{", "}", ",",
            "NaN",
            "\u{FEFF}{}", String(repeating: "[", count: 50_000), String(repeating: "{\"a\":", count: 50_000),
        ]
        return valid + invalid
    }()

    private static let ids = [
        "x", "%00", "%ff", "%zz", "..", "%2e%2e%2f", "'", "{}", "*", "%F0%9F%98%80", UUID.nilUUID.uuidString,
        "3fa85f64%205717-4562-b3fc-2c963f66afa6", String(repeating: "a", count: 5000),
    ]

    /// The long cursors are times at both ends of 64 bits.
    private static let queries =
        [
            "limit", "limit=", "limit=0", "limit=9223372036854775808", "limit=%00", "time_desc=maybe", "a=%", "=&&&=",
            "%",
            "limit=1&limit=x", "cursor=%00", "cursor=\(String(repeating: "A", count: 5000))",
            "cursor=OTIyMzM3MjAzNjg1NDc3NTgwN3wzZmE4NWY2NC01NzE3LTQ1NjItYjNmYy0yYzk2M2Y2NmFmYTY",
            "cursor=LTkyMjMzNzIwMzY4NTQ3NzU4MDh8M2ZhODVmNjQtNTcxNy00NTYyLWIzZmMtMmM5NjNmNjZhZmE2",
            String(repeating: "a=b&", count: 2000), "user=%00", "user=%ff", "user=%zz",
        ]
        + ["filter_by_configs", "filter_by_meta"].flatMap { name in
            Self.values.filter { $0.utf8.count < 2000 }.map { value in
                "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"
            }
        }
}
