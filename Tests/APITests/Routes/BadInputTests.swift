import Foundation
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("Input that no client should send (PostgreSQL)")
struct BadInputTests {
    @Test("never brings a 5xx, always the envelope, and what is refused changes nothing", .timeLimit(.minutes(5)))
    func fuzz() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let task = try await api.makeTask(in: session)
            let space = try await api.makeSpace()
            try await api.learn(space: space, session: session)
            let routes = [
                ("POST", "/session"), ("GET", "/session/\(session)/task"), ("POST", "/session/\(session)/task"),
                ("PATCH", "/session/\(session)/task/\(task)/status"), ("POST", "/learning_spaces"),
                ("GET", "/learning_spaces/\(space)"), ("POST", "/learning_spaces/\(space)/learn"),
            ]
            var before = try await api.footprint()
            try await api.client.withConnection { connection in
                for (method, path) in routes {
                    let requests =
                        Self.bodies.map { (path, $0) }
                        + Self.ids.map { (path.replacing(session.uuidString, with: $0).replacing(space.uuidString, with: $0), "{}") }
                        + Self.queries.map { (path + "?" + $0, "{}") }
                    for (path, body) in requests {
                        let answer = try await connection.send(method, "/api/v1" + path, body: method == "GET" ? nil : body)
                        let note = Comment(rawValue: "\(method) \(path.prefix(100)) \(body.prefix(60)): \(answer.text.prefix(200))")
                        #expect(answer.status < 500, note)
                        #expect(answer.headers["content-type"] == "application/json; charset=utf-8", note)
                        #expect(throws: Never.self, note) { try answer.decode(EnvelopeBody.self) }
                        let after = try await api.footprint()
                        if answer.status >= 300 || method == "GET" { #expect(after == before, note) }
                        before = after
                    }
                }
            }
        }
    }

    /// Each as a whole body and as the value of every key that a route knows.
    private static let bodies: [String] = {
        let long = String(repeating: "9", count: 10_000)
        let values = [
            "null", "true", "0", "-1", "1e400", "1e-400", "1e131072", "1e99999999999", long, "-0.\(long)", "\"\"", "\"x\"",
            "\"\\u0000\"", "\"\u{0}\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\u{FFFF}\u{10FFFF}\"", "\"'; DROP TABLE x; --\"",
            "\"\(String(repeating: "😀", count: 10_000))\"", "[]", "[[]]", "[null]", "[\"a\"]", "{}", "{\"\":{}}", "{\"a\":1,\"a\":2}",
            "[\"\\u0001\\u007f\"]", String(repeating: "[", count: 50_000), String(repeating: "[", count: 99) + String(repeating: "]", count: 99),
            String(repeating: "{\"a\":", count: 50_000), "01", "tru", "\"", "{", "}", ",", "\u{FEFF}{}", "NaN",
        ]
        let keys = [
            "status", "task_description", "progresses", "user_preferences", "user", "configs", "meta", "use_uuid", "session_id",
            "disable_task_tracking", "disable_task_status_change",
        ]
        return values + [""]
            + keys.flatMap { key in values.map { #"{"task_description":"x","status":"success","\#(key)":\#($0)}"# } }
    }()

    private static let ids = [
        "x", "%00", "%ff", "%zz", "..", "%2e%2e%2f", "'", "00000000-0000-0000-0000-000000000000", "{}", "*", "%F0%9F%98%80",
        String(repeating: "a", count: 5000), "3fa85f64571745 62b3fc2c963f66afa6".replacing(" ", with: "%20"),
    ]

    private static let queries = [
        "limit", "limit=", "limit=0", "limit=9223372036854775808", "limit=%00", "cursor=%00", "cursor=\(String(repeating: "A", count: 5000))",
        "cursor=OTIyMzM3MjAzNjg1NDc3NTgwN3wzZmE4NWY2NC01NzE3LTQ1NjItYjNmYy0yYzk2M2Y2NmFmYTY",
        "cursor=LTkyMjMzNzIwMzY4NTQ3NzU4MDh8M2ZhODVmNjQtNTcxNy00NTYyLWIzZmMtMmM5NjNmNjZhZmE2",
        "time_desc=maybe", "a=%", "=&&&=", "%", "limit=1&limit=x", String(repeating: "a=b&", count: 2000),
    ]

    @Test("is refused with 413 over 1 MiB, announced or not, and taken up to that")
    func tooLarge() async throws {
        try await withAPI { api in
            let head = "POST /api/v1/session HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(api.token)\r\ncontent-type: application/json\r\n"
            func body(_ count: Int) -> String {
                let frame = #"{"configs":{"a":""}}"#
                return #"{"configs":{"a":"\#(String(repeating: "x", count: count - frame.utf8.count))"}}"#
            }
            let limit = 1 << 20
            #expect(try await api.client.send("POST", "/api/v1/session", body: body(limit)).status == 201)
            let before = try await api.footprint()
            let tooLarge = try await api.client.send("POST", "/api/v1/session", body: body(limit + 1))
            try expect(tooLarge, 413, "request body too large")
            #expect(tooLarge.headers["connection"] == "close")
            let announced = "content-length: 99999999999\r\n\r\n"
            try expect(try await api.client.send(raw: Array((head + announced).utf8)), 413, "request body too large")
            let chunk = String(limit, radix: 16) + "\r\n" + String(repeating: "x", count: limit) + "\r\n"
            let chunked = head + "transfer-encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n"
            try expect(try await api.client.send(raw: Array(chunked.utf8)), 413, "request body too large")
            #expect(try await api.footprint() == before)
        }
    }

    @Test("is refused with 405 and `Allow` on a known path, before authentication")
    func wrongMethod() async throws {
        try await withAPI { api in
            let id = UUID()
            for (path, allow) in [
                ("/health", "GET, HEAD"), ("/api/v1/ping", "GET, HEAD"), ("/api/v1/session", "POST"),
                ("/api/v1/session/\(id)/task", "GET, HEAD, POST"), ("/api/v1/session/\(id)/task/\(id)/status", "PATCH"),
                ("/api/v1/learning_spaces", "POST"), ("/api/v1/learning_spaces/\(id)", "GET, HEAD"),
                ("/api/v1/learning_spaces/\(id)/learn", "POST"),
            ] {
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] where !allow.contains(method) {
                    let answer = try await HTTPProbe(port: api.port).send(method, path, body: "{}")
                    try expect(answer, 405, "method not allowed", "\(method) \(path)")
                    #expect(answer.headers["allow"] == allow)
                }
            }
            let head = try await api.client.send("HEAD", "/api/v1/session")
            #expect(head.status == 405 && head.headers["allow"] == "POST" && head.body.isEmpty)
        }
    }

    @Test("is refused with 404 on an unknown path, before authentication")
    func unknownPath() async throws {
        try await withAPI { api in
            for path in [
                "/", "/api", "/api/v1", "/api/v2/ping", "/API/V1/ping", "/api/v1/sessions", "/health/x", "//health", "/api//v1/ping",
                "/api/v1/session//task", "/%2e%2e/health", "/api/v1/session/x/task/y", "/api/v1/unknown/", "/\(String(repeating: "a", count: 9000))",
            ] {
                for method in ["GET", "POST", "PATCH", "PROPFIND"] {
                    let answer = try await HTTPProbe(port: api.port).send(method, path)
                    try expect(answer, 404, "page not found", "\(method) \(path.prefix(60))")
                }
            }
        }
    }

    @Test("with a slash at the end of a known path is sent to the path without")
    func trailingSlash() async throws {
        try await withAPI { api in
            let get = try await api.client.send("GET", "/api/v1/ping/?a=b")
            #expect(get.status == 301 && get.headers["location"] == "/api/v1/ping?a=b")
            let post = try await api.client.send("POST", "/api/v1/session/", body: "{}")
            #expect(post.status == 307 && post.headers["location"] == "/api/v1/session")
        }
    }

    @Test("in the log leaves no token, pepper, query or body")
    func secrets() async throws {
        let log = RecordingLog()
        let marks = try await withAPI(verifiesArgon2: true, logger: log.logger) { api in
            let session = try await api.makeSession()
            _ = try await api.client.send("GET", "/api/v1/session/\(session)/task?cursor=query-secret")
            _ = try await api.client.send("POST", "/api/v1/session", body: #"{"user":"body-secret","configs":{"a":}}"#)
            _ = try await api.client.send("POST", "/api/v1/session", body: #"{"user":"body-secret"}"#)
            _ = try await api.client(token: "sk-ac-header-secret").send("GET", "/api/v1/ping")
            return [String(api.token.dropFirst(6)), APIFixture.pepper, "query-secret", "body-secret", "header-secret"]
        }
        let lines = log.lines
        #expect(lines.contains { $0.contains("Request answered") })
        for mark in marks {
            #expect(!lines.contains { $0.contains(mark) }, "\(mark)")
        }
    }
}
