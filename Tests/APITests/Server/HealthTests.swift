import Metrics
import MetricsTestKit
import Support
import Synchronization
import Testing

@testable import API

@Suite("What monitors ask", .timeLimit(.minutes(1)))
struct HealthTests {
    private func withServer(
        _ probes: HealthProbes, _ body: @Sendable (HTTPProbe) async throws -> Void
    ) async throws {
        var server = ServerUnderTest()
        server.probes = probes
        try await server.run { port in try await body(HTTPProbe(port: port)) }
    }

    @Test("/ready is 200, or 503 with every reason; /health does not care")
    func ready() async throws {
        let reasons = Mutex<[String]>([])
        var probes = HealthProbes()
        probes.notReadyReasons = { reasons.withLock { $0 } }
        try await self.withServer(probes) { probe in
            try expect(try await probe.send("GET", "/ready"), 200, "ok")
            reasons.withLock { $0 = ["it rains", "it is cold"] }
            let answer = try await probe.send("GET", "/ready")
            try expect(answer, 503, "not ready: it rains; it is cold")
            #expect(answer.headers["retry-after"] != nil)
            #expect(try await probe.send("HEAD", "/ready").status == 503)
            try expect(try await probe.send("GET", "/health"), 200, "ok")
        }
    }

    @Test("/metrics is text in the version that Prometheus reads; nobody writes to it")
    func metrics() async throws {
        var probes = HealthProbes()
        probes.metrics = { "up 1\n" }
        try await self.withServer(probes) { probe in
            let answer = try await probe.send("GET", "/metrics")
            #expect(answer.status == 200)
            #expect(answer.text == "up 1\n")
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(try await probe.send("POST", "/metrics").status == 405)
        }
    }

    @Test("a request is counted by its route's template and its status' class; what no route has is `other`")
    func requests() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await withAPI { api in
                let path = try await api.makeLearningTask()
                for _ in 0..<2 {
                    #expect(try await api.client.send("PATCH", path, body: #"{"status":"success"}"#).status == 200)
                }
                #expect(try await api.client.send("PATCH", path, body: "{}").status == 400)
                #expect(try await api.client.send("GET", path).status == 405)
                #expect(try await api.client.send("GET", "/no/\(path)").status == 404)
            }
        }
        let route = "/api/v1/session/{session_id}/task/{task_id}/status"
        let counts = try [
            ("PATCH", route, "2xx", 2), ("PATCH", route, "4xx", 1), ("PATCH", route, "5xx", 0),
            ("other", "other", "4xx", 2),
        ].filter { method, route, status, expected in
            let dimensions = [("route", route), ("method", method), ("status", status)]
            return try metrics.expectCounter("http.requests", dimensions).totalValue != Int64(expected)
        }
        #expect(counts.isEmpty)
        let times = try metrics.expectTimer("http.request.duration", [("route", route), ("method", "PATCH")]).values
        #expect(times.count == 3 && times.allSatisfy { $0 > 0 })
    }
}
