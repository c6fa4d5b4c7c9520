import Foundation
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("Input that no client should send (PostgreSQL)")
struct BadInputTests {
    @Test("is refused with 413 over 1 MiB, announced or not, and taken up to that")
    func tooLarge() async throws {
        try await withAPI { api in
            let head = """
                POST /api/v1/session HTTP/1.1\r
                host: x\r
                authorization: Bearer \(api.token)\r
                content-type: application/json\r

                """
            func body(_ count: Int) -> String {
                let frame = #"{"configs":{"a":""}}"#
                let filling = String(repeating: "x", count: count - frame.utf8.count)
                return #"{"configs":{"a":"\#(filling)"}}"#
            }
            let limit = 1 << 20
            #expect(try await api.client.send("POST", "/api/v1/session", body: body(limit)).status == 201)
            let before = try await api.footprint()
            let tooLarge = try await api.client.send("POST", "/api/v1/session", body: body(limit + 1))
            try expect(tooLarge, 413, "request body too large")
            #expect(tooLarge.headers["connection"] == "close")
            let announced = "content-length: 99999999999\r\n\r\n"
            try expect(try await api.client.send(raw: Array((head + announced).utf8)), 413, "request body too large")
            let immense = "content-length: 9223372036854775808\r\n\r\n"
            try expect(try await api.client.send(raw: Array((head + immense).utf8)), 413, "request body too large")
            for (method, path) in [
                ("GET", "/health"), ("GET", "/api/v1/ping"), ("POST", "/api/v1/session"), ("PUT", "/api/v1/session"),
                ("POST", "/nothing"),
            ] {
                // Without a token and a content type, too.
                let answer = try await HTTPProbe(port: api.port).send(
                    method, path, headers: ["content-length": "\(limit + 1)"]
                )
                try expect(answer, 413, "request body too large", "\(method) \(path)")
            }
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
                ("/health", "GET, HEAD"), ("/api/v1/ping", "GET, HEAD"), ("/api/v1/session", "GET, HEAD, POST"),
                ("/api/v1/session/\(id)", "DELETE"), ("/api/v1/session/\(id)/configs", "GET, HEAD, PATCH, PUT"),
                ("/api/v1/session/\(id)/task", "GET, HEAD, POST"), ("/api/v1/session/\(id)/task/\(id)/status", "PATCH"),
                ("/api/v1/learning_spaces", "GET, HEAD, POST"),
                ("/api/v1/learning_spaces/\(id)", "DELETE, GET, HEAD, PATCH"),
                ("/api/v1/session/\(id)/messages", "GET, HEAD, POST"),
                ("/api/v1/session/\(id)/messages/\(id)/meta", "PATCH"),
                ("/api/v1/session/\(id)/token_counts", "GET, HEAD"),
                ("/api/v1/session/\(id)/observing_status", "GET, HEAD"),
                ("/api/v1/learning_spaces/\(id)/learn", "POST"),
                ("/api/v1/learning_spaces/\(id)/sessions", "GET, HEAD"),
                ("/api/v1/learning_spaces/\(id)/sessions/\(id)", "GET, HEAD"),
                ("/api/v1/learning_spaces/\(id)/skills", "GET, HEAD, POST"),
                ("/api/v1/learning_spaces/\(id)/skills/\(id)", "DELETE"),
                ("/api/v1/user/ls", "DELETE, GET, HEAD"), ("/api/v1/user/anna", "DELETE"),
                ("/api/v1/user/anna/resources", "GET, HEAD"),
            ] {
                let methods = [
                    "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "ACL", "BIND", "CHECKOUT", "COPY",
                    "LINK",
                    "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "PROPFIND",
                    "PROPPATCH", "PURGE", "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND",
                    "UNLINK", "UNLOCK", "UNSUBSCRIBE",
                ]
                for method in methods where !allow.split(separator: ", ").contains(Substring(method)) {
                    let answer = try await HTTPProbe(port: api.port).send(method, path, body: "{}")
                    try expect(answer, 405, "method not allowed", "\(method) \(path)")
                    #expect(answer.headers["allow"] == allow)
                }
            }
            let head = try await api.client.send("HEAD", "/api/v1/learning_spaces/\(id)/learn")
            #expect(head.status == 405 && head.headers["allow"] == "POST" && head.body.isEmpty)
        }
    }

    @Test("is refused with 404 on an unknown path, before authentication")
    func unknownPath() async throws {
        try await withAPI { api in
            for path in [
                "/", "/api", "/api/v1", "/api/v2/ping", "/API/V1/ping", "/api/v1/sessions", "/health/x", "//health",
                "/api//v1/ping",
                "/api/v1/session//task", "/%2e%2e/health", "/api/v1/session/x/task/y", "/api/v1/unknown/",
                "/\(String(repeating: "a", count: 9000))",
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
