import Foundation
import Support
import Telemetry
import Testing

@testable import App

/// `/metrics` and `/ready` of the real binary on real servers.
@Suite("Monitoring", .timeLimit(.minutes(2)))
struct MonitoringTests {
    @Test("every metric is there, promtool finds no fault with it, and an event is counted on its whole way")
    func scrape() async throws {
        try await EndToEnd.withService { system, client in
            for _ in 0..<3 {
                let task = try await client.makeLearningTask()
                #expect(try await client.setStatus(of: task, to: "success").status == 200)
            }
            #expect(try await system.delivered().count == 3)
            let scrape = try await eventually("all is counted, and the database was asked again since") {
                let scrape = try await Scrape(client.probe)
                let isCounted = scrape["outbox_delivery_latency_seconds_count"] == 3
                return isCounted && scrape["outbox_pending_events{state=\"due\"}"] == 0 ? scrape : nil
            }
            try await Promtool.run("check", "metrics", input: scrape.text)
            #expect(scrape.names == Set(MetricCatalogue.all.map(\.name)))
            let route = "/api/v1/session/{session_id}/task/{task_id}/status"
            #expect(scrape["http_requests_total{route=\"\(route)\",method=\"PATCH\",status=\"2xx\"}"] == 3)
            #expect(scrape["http_request_duration_seconds_count{route=\"\(route)\",method=\"PATCH\"}"] == 3)
            #expect(scrape["outbox_events_written_total"] == 3)
            #expect(scrape["outbox_publishes_total{outcome=\"delivered\"}"] == 3)
            #expect(scrape["outbox_delivery_latency_seconds_count"] == 3)
            #expect(scrape["outbox_batch_events_sum"] == 3)
            #expect(scrape["rabbitmq_connection{state=\"connected\"}"] == 1)
            #expect(scrape["rabbitmq_connection{state=\"away\"}"] == 0)
            #expect(scrape["postgres_up"] == 1)
            #expect(scrape["postgres_pool_limit"] == 8)
            for reading in ["gauges", "counts"] {
                #expect(scrape["outbox_sample_success{reading=\"\(reading)\"}"] == 1)
            }
            #expect(scrape["build_info{version=\"\(version)\"}"] == 1)
            #expect(scrape.values["process_resident_memory_bytes"].map { $0 > 1_048_576 } == true)
        }
    }

    @Test("without servers a scrape succeeds, says so, and shows no gauge of the database; /ready says why")
    func noServers() async throws {
        let environment = [
            "DATABASE_URL": "postgresql://user:hidden@127.0.0.1:9/none",
            "RABBITMQ_URL": "amqp://user:hidden@127.0.0.1:9", "ROOT_SECRET_PEPPER": "hidden", "SKILLRELAY_PORT": "0",
        ]
        try await withService(environment: environment) { process in
            let probe = HTTPProbe(port: try await process.port())
            let scrape = try await eventually("it has tried to connect") {
                let scrape = try await Scrape(probe)
                let tried = [
                    "rabbitmq_connects_total{result=\"failed\"}", "postgres_connects_total{result=\"failed\"}",
                ]
                return tried.allSatisfy { scrape[$0] ?? 0 > 0 } ? scrape : nil
            }
            try await Promtool.run("check", "metrics", input: scrape.text)
            #expect(scrape["postgres_up"] == 0)
            #expect(scrape["outbox_sample_success{reading=\"gauges\"}"] == 0)
            #expect(scrape["outbox_oldest_due_age_seconds"] == nil)
            #expect(scrape["rabbitmq_connection{state=\"away\"}"] == 1)
            #expect(!scrape.text.contains("hidden"))
            let answer = try await probe.send("GET", "/ready")
            #expect(answer.status == 503)
            #expect(answer.text == #"{"code":503,"msg":"not ready: PostgreSQL cannot be reached"}"#)
            #expect(try await probe.send("GET", "/health").status == 200)
        }
    }

    @Test("/ready is 503 while an event is stuck; not where nothing is relayed, nor without a limit")
    func stuck() async throws {
        try await EndToEnd.with { system in
            // Nothing takes it, and it was written ten minutes ago.
            try await system.database.script(
                """
                SELECT skillrelay.enqueue_as(
                    skillrelay.uuid7_floor(now() - interval '10 minutes'), 'missing', 'k', '', '{}', NULL)
                """)
            try await system.serve { _, client in
                let text = try await Self.awaitStatus(503, of: client.probe, "the oldest due event").text
                #expect(text.hasPrefix(#"{"code":503,"msg":"not ready: the oldest due event has waited for 6"#))
                #expect(text.hasSuffix(#" s, more than 300 s"}"#))
                for environment in [["SKILLRELAY_ROLE": "api"], ["SKILLRELAY_READY_MAX_AGE_S": "0"]] {
                    try await system.serve(environment: environment) { _, client in
                        _ = try await Self.awaitStatus(200, of: client.probe)
                    }
                }
                try await eventually("nobody has it under way") {
                    try await system.database.script("SET lock_timeout = 1000; DELETE FROM skillrelay.outbox_pending")
                    return try await client.probe.send("GET", "/ready").status == 200
                }
            }
        }
    }

    @Test(
        "what an operator has paused is not stuck, neither one destination nor everything",
        arguments: ["'missing', 'k'", "NULL, NULL"])
    func paused(target: String) async throws {
        try await EndToEnd.with { system in
            try await system.database.script(
                """
                SELECT skillrelay.enqueue_as(
                    skillrelay.uuid7_floor(now() - interval '10 minutes'), 'missing', 'k', '', '{}', NULL);
                INSERT INTO skillrelay.pauses VALUES (\(target), 'test', 'me')
                """)
            try await system.serve { _, client in
                _ = try await Self.awaitStatus(200, of: client.probe)
                let scrape = try await Scrape(client.probe)
                #expect(scrape["outbox_oldest_due_age_seconds"] == 0)
                #expect(scrape["outbox_oldest_pending_age_seconds"] ?? 0 >= 600)
                #expect(scrape["outbox_pending_events{state=\"held\"}"] == 1)
                #expect(scrape["outbox_pending_events{state=\"due\"}"] == 0)
                try await system.database.script("DELETE FROM skillrelay.pauses")
                _ = try await Self.awaitStatus(503, of: client.probe, "the oldest due event has waited")
            }
        }
    }

    @Test("while the pending list cannot be counted, what the alerts look at is there all the same")
    func counting() async throws {
        try await EndToEnd.withService { system, client in
            _ = try await Self.awaitStatus(200, of: client.probe)
            // Only the counts ask for it.
            try await system.database.script("ALTER VIEW skillrelay.relay_status RENAME COLUMN held TO gone")
            let scrape = try await eventually("the counts have failed") {
                let scrape = try await Scrape(client.probe)
                return scrape["outbox_sample_success{reading=\"counts\"}"] == 0 ? scrape : nil
            }
            #expect(scrape["outbox_sample_success{reading=\"gauges\"}"] == 1)
            #expect(scrape["outbox_oldest_due_age_seconds"] == 0 && scrape["outbox_dead_events"] == 0)
            #expect(scrape["outbox_pending_events{state=\"due\"}"] == nil)
            #expect(try await client.probe.send("GET", "/ready").status == 200)
        }
    }

    @Test("HEAD is counted as GET, and whatever no route has as one")
    func routes() async throws {
        try await EndToEnd.withService { _, client in
            for method in ["HEAD", "GET", "POST"] { _ = try await client.probe.send(method, "/health") }
            for method in ["GET", "PUT"] { _ = try await client.probe.send(method, "/none") }
            let scrape = try await Scrape(client.probe)
            #expect(scrape["http_requests_total{route=\"/health\",method=\"GET\",status=\"2xx\"}"] == 2)
            #expect(scrape["http_requests_total{route=\"other\",method=\"other\",status=\"4xx\"}"] == 3)
            #expect(!scrape.text.contains("route=\"/health\",method=\"other\""))
        }
    }

    @Test("a schema that was never made is a reason, and the role relay serves monitors")
    func unmigrated() async throws {
        try await EndToEnd.with { system in
            try await system.database.script("DROP SCHEMA skillrelay CASCADE")
            try await system.serve(environment: ["SKILLRELAY_ROLE": "relay"]) { _, client in
                let answer = try await Self.awaitStatus(503, of: client.probe, "migrate")
                #expect(answer.text.contains("run skillrelay migrate"))
                #expect(try await Scrape(client.probe)["outbox_sample_success{reading=\"gauges\"}"] == 0)
                #expect(try await client.probe.send("GET", "/api/v1/ping").status == 404)
            }
        }
    }

    @Test("a thousand questions cost the database a handful of statements")
    func cost() async throws {
        try await EndToEnd.withService { system, client in
            _ = try await Self.awaitStatus(200, of: client.probe)
            // A reading now holds back everybody else's.
            let lock = "BEGIN; LOCK TABLE skillrelay.outbox_pending IN ACCESS EXCLUSIVE MODE"
            try await system.database.script(lock)
            let begin = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        try await client.probe.withConnection { connection in
                            for _ in 0..<50 {
                                _ = try await connection.send("GET", "/ready")
                                _ = try await connection.send("GET", "/metrics")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let seconds = (ContinuousClock.now - begin) / .seconds(1)
            #expect(seconds < 20)
            let waiting: Int = try await system.database.value(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE '%relay_status%' AND state = 'active'
                    AND pid <> pg_backend_pid()
                """)
            #expect(waiting <= 2)
            try await system.database.script("ROLLBACK")
        }
    }

    private static func awaitStatus(
        _ status: Int, of probe: HTTPProbe, _ text: String = "msg"
    ) async throws -> HTTPAnswer {
        try await eventually("/ready is \(status)") {
            let answer = try await probe.send("GET", "/ready")
            return answer.status == status && answer.text.contains(text) ? answer : nil
        }
    }
}
