import Foundation
import Support
import Testing

@testable import API

@Suite("The HTTP server")
struct ServerTests {
    @Test("of a process without the API serves health alone")
    func health() async throws {
        try await ServerUnderTest().run { port in
            let client = HTTPProbe(port: port)
            try expect(try await client.send("GET", "/health"), 200, "ok")
            try expect(try await client.send("POST", "/health"), 405, "method not allowed")
            try expect(try await client.send("GET", "/api/v1/ping"), 404, "page not found")
            for path in ["/health", "/nothing"] {
                let head = try await client.send("HEAD", path)
                #expect(head.status == (path == "/health" ? 200 : 404) && head.body.isEmpty)
                #expect(Int(head.headers["content-length"] ?? "") ?? 0 > 0)
            }
        }
    }

    @Test("answers in the envelope and closes when a request is no HTTP")
    func malformed() async throws {
        try await ServerUnderTest().run { port in
            for text in [
                "x\r\n\r\n", "GET\r\n\r\n", "GET /health HTTP/9.9\r\n\r\n", "FOO /health HTTP/1.1\r\n\r\n",
                "GET /health HTTP/1.1\r\nhost\r\n\r\n", "GET /health HTTP/1.1\r\nho st: x\r\n\r\n",
                "POST /health HTTP/1.1\r\ncontent-length: x\r\n\r\n",
                "POST /health HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
                "POST /health HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
                "POST /health HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
            ] {
                let answer = try await HTTPProbe(port: port).send(raw: Array(text.utf8))
                try expect(answer, 400, "malformed HTTP request", text)
                #expect(answer.headers["connection"] == "close")
            }
        }
    }

    @Test("answers the requests before a malformed one, and then that")
    func malformedAfterGood() async throws {
        try await ServerUnderTest().run { port in
            try await HTTPProbe(port: port).withConnection { connection in
                let good = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
                try expect(try await connection.exchange(Array((good + good + "x y\r\n\r\n").utf8)), 200, "ok")
                try expect(try await connection.exchange([]), 200, "ok")
                try expect(try await connection.exchange([]), 400, "malformed HTTP request")
            }
        }
    }

    @Test("answers 431 to a header block that is too large, however it is")
    func headers() async throws {
        try await ServerUnderTest().run { port in
            let client = HTTPProbe(port: port)
            for header in [
                "x: \(String(repeating: "a", count: 40_000))\r\n", "\(String(repeating: "a", count: 40_000)): x\r\n",
                String(repeating: "x: y\r\n", count: 101),
                (0..<50).map { "x\($0): \(String(repeating: "a", count: 1000))\r\n" }.joined(),
            ] {
                let answer = try await client.send(raw: Array("GET /health HTTP/1.1\r\n\(header)\r\n".utf8))
                try expect(answer, 431, "request header too large", String(header.prefix(20)))
            }
            let fits = String(repeating: "x: \(String(repeating: "a", count: 300))\r\n", count: 90)
            try expect(try await client.send(raw: Array("GET /health HTTP/1.1\r\n\(fits)\r\n".utf8)), 200, "ok")
        }
    }

    @Test("closes a connection that is idle, or whose head never ends")
    func idle() async throws {
        var limits = APILimits()
        limits.idleTimeout = .milliseconds(200)
        try await ServerUnderTest(limits: limits).run { port in
            for start in ["", "GET /health HTTP/1.1\r\nx: "] {
                await #expect(throws: ConnectionClosed.self) {
                    try await HTTPProbe(port: port).send(raw: Array(start.utf8))
                }
            }
        }
    }

    @Test("lets connections beyond its limit wait until one closes")
    func connectionLimit() async throws {
        var limits = APILimits()
        limits.maxConnections = 1
        try await ServerUnderTest(limits: limits).run { port in
            let client = HTTPProbe(port: port)
            let closed = CallCounter()
            let second = try await client.withConnection { connection in
                try expect(try await connection.send("GET", "/health"), 200, "ok")
                // Unstructured, as it outlives the connection; awaited below.
                let second = Task {
                    let answer = try await client.send("GET", "/health")
                    #expect(closed.value == 1, "answered although the only connection was taken")
                    return answer
                }
                for _ in 0..<50 { try expect(try await connection.send("GET", "/health"), 200, "ok") }
                closed.count()
                return second
            }
            try expect(try await second.value, 200, "ok")
        }
    }
}

@Suite("The HTTP server under strain (PostgreSQL)")
struct ServerStrainTests {
    @Test("answers 408 to a body that does not come, and closes")
    func slowBody() async throws {
        var limits = APILimits()
        // Enough for authentication on a busy machine, which comes out of it too.
        limits.requestDeadline = .seconds(3)
        limits.lingerTimeout = .milliseconds(100)
        try await withAPI(limits: limits) { api in
            try await api.client.withConnection { connection in
                try expect(try await connection.send("GET", "/api/v1/ping"), 200, "pong")
                let head = "POST /api/v1/session HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(api.token)\r\n"
                let slow = head + "content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
                let answer = try await connection.exchange(Array(slow.utf8))
                try expect(answer, 408, "request body took too long")
                #expect(answer.headers["connection"] == "close")
                await #expect(throws: ConnectionClosed.self) { try await connection.exchange([]) }
            }
        }
    }

    @Test(
        "answers a request for another protocol and closes, instead of ignoring what comes after it",
        arguments: [
            "GET /health HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\r\n",
            "CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n",
        ]
    )
    func upgrade(request: String) async throws {
        try await ServerUnderTest(limits: APILimits()).run { port in
            try await HTTPProbe(port: port).withConnection { connection in
                let answer = try await connection.exchange(Array(request.utf8))
                #expect(answer.status == (request.hasPrefix("GET") ? 200 : 404))
                #expect(answer.headers["connection"] == "close")
                await #expect(throws: ConnectionClosed.self) { try await connection.exchange([]) }
            }
        }
    }

    @Test("does not read for ever what it has answered already")
    func endlessBody() async throws {
        var limits = APILimits()
        limits.lingerTimeout = .milliseconds(100)
        try await withAPI(limits: limits) { api in
            try await HTTPProbe(port: api.port).withConnection { connection in
                let head = "POST /api/v1/session HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
                try expect(try await connection.exchange(Array(head.utf8)), 401, "Unauthorized")
                await #expect(throws: ConnectionClosed.self) { try await connection.exchange(Array("1\r\nx\r\n".utf8)) }
            }
        }
    }

    @Test("keeps a connection whose body came after all")
    func lateBody() async throws {
        try await withAPI { api in
            try await HTTPProbe(port: api.port).withConnection { connection in
                let head = "POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
                try expect(try await connection.exchange(Array(head.utf8)), 401, "Unauthorized")
                let rest = "{}GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
                try expect(try await connection.exchange(Array(rest.utf8)), 200, "ok")
            }
        }
    }

    @Test("answers a body that stops being HTTP half way, and closes")
    func malformedBody() async throws {
        try await withAPI { api in
            let head = "POST /api/v1/learning_spaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(api.token)\r\n"
            let body = "transfer-encoding: chunked\r\n\r\n1\r\n{\r\nnonsense\r\n"
            let before = try await api.footprint()
            let answer = try await HTTPProbe(port: api.port).send(raw: Array((head + body).utf8))
            try expect(answer, 400, "malformed HTTP request")
            #expect(answer.headers["connection"] == "close")
            #expect(try await api.footprint() == before)
        }
    }

    @Test("answers 503 at the deadline when the database is stuck, and goes on afterwards")
    func deadline() async throws {
        var limits = APILimits()
        // Enough for a new connection on a busy machine.
        limits.requestDeadline = .seconds(2)
        try await withAPI(limits: limits) { api in
            try await api.database.script("BEGIN; LOCK TABLE public.projects")
            let answer = try await api.client.send("GET", "/api/v1/ping")
            #expect(answer.status == 503 && answer.headers["retry-after"] == "1", "\(answer.text)")
            #expect(try answer.decode(EnvelopeBody.self).code == 503)
            try expect(try await api.client.send("GET", "/health"), 200, "ok")
            try await api.database.script("ROLLBACK")
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
        }
    }

    @Test("answers 503 with Retry-After while there is no database; health stays up")
    func noDatabase() async throws {
        let url = try TestURL(TestEnvironment.databaseURL).port(1)
        let server = ServerUnderTest(
            databaseURL: url, logger: RecordingLog().logger, acquireTimeout: .milliseconds(300)
        )
        try await server.run { port in
            let client = HTTPProbe(port: port, headers: ["authorization": "Bearer sk-ac-x"])
            let answer = try await client.send("GET", "/api/v1/ping")
            try expect(answer, 503, "the database is unavailable or busy, nothing was changed: retry")
            #expect(answer.headers["retry-after"] == "1")
            #expect(answer.headers["x-request-id"] != nil)
            try expect(try await client.send("GET", "/health"), 200, "ok")
        }
    }
}
