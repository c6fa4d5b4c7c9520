import Foundation
import JSON
import Support
import Testing

@testable import API

@Suite("A large body (PostgreSQL)", .timeLimit(.minutes(2)))
struct LargeBodyTests {
    private static func body(_ count: Int) -> String {
        let frame = #"{"blob":{"role":"user","content":""}}"#
        return frame.replacing(#""""#, with: "\"" + String(repeating: "x", count: count - frame.utf8.count) + "\"")
    }

    @Test("is taken where messages are stored, up to a limit of its own, and nowhere else")
    func limits() async throws {
        var limits = APILimits()
        limits.maxMessageBytes = 2 << 20
        try await withAPI(limits: limits) { api in
            let session = try await api.makeSession()
            let path = "/api/v1/session/\(session)/messages"
            for count in [1 << 20, (1 << 20) + 1, 2 << 20] {
                #expect(try await api.client.send("POST", path, body: Self.body(count)).status == 201, "\(count)")
            }
            let tooLarge = (2 << 20) + 1
            try expect(
                try await api.client.send("POST", path, body: Self.body(tooLarge)), 413, "request body too large")
            let chunk = String(1 << 20, radix: 16) + "\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n"
            let head = """
                POST \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(api.token)\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n
                """
            let chunked = head + chunk + chunk + chunk + "0\r\n\r\n"
            try expect(try await api.client.send(raw: Array(chunked.utf8)), 413, "request body too large")
            for (method, other) in [
                ("GET", path), ("PUT", path), ("PATCH", "\(path)/\(UUID())/meta"), ("POST", "/api/v1/session"),
                ("POST", path + "/x"), ("GET", "/health"),
            ] {
                let answer = try await api.client.send(method, other, headers: ["content-length": "\((1 << 20) + 1)"])
                try expect(answer, 413, "request body too large", "\(method) \(other)")
            }
            #expect(try await api.database.value("SELECT count(*) FROM public.messages") == 3)
        }
    }

    @Test("waits its turn: beyond a bound on all together it is 503, and small ones are not counted")
    func budget() async throws {
        var limits = APILimits()
        limits.maxMessageBytes = 2 << 20
        // The four must be held for as long as the others take.
        limits.requestDeadline = .seconds(60)
        try await withAPI(limits: limits) { api in
            let session = try await api.makeSession()
            let path = "/api/v1/session/\(session)/messages"
            let body = Self.body(2 << 20)
            let head = """
                POST \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(api.token)\r\ncontent-type: application/json\r\n\
                content-length: \(body.utf8.count)\r\n\r\n
                """
            // Four that do not end: they are held until they do.
            let (begun, end) = (CallCounter(), CallCounter())
            let halves = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await HTTPProbe(port: api.port).withConnection { connection in
                            try await connection.begin(Array(head.utf8))
                            begun.count()
                            try await eventually("the others are done") { end.value > 0 }
                            return try await connection.exchange(Array(body.utf8))
                        }
                    }
                }
                try await eventually("four are held") { begun.value == 4 }
                let refused = try await eventually("no more are taken") {
                    let answer = try await api.client.send("POST", path, body: body)
                    return answer.status == 503 ? answer : nil
                }
                try expect(refused, 503, "too many large requests at once, nothing was changed: retry")
                #expect(refused.headers["retry-after"] == "1" && refused.headers["connection"] == "close")
                #expect(try await api.client.send("POST", path, body: Self.body(1 << 20)).status == 201)
                end.count()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(halves.allSatisfy { $0.status == 201 })
            // All is given back.
            #expect(try await api.client.send("POST", path, body: body).status == 201)
        }
    }

    @Test("budget never lends more than it has")
    func bytes() {
        let budget = ByteBudget(10)
        #expect(budget.take(6) && !budget.take(5) && budget.take(4) && !budget.take(1))
        budget.giveBack(6)
        #expect(budget.take(6))
    }
}
