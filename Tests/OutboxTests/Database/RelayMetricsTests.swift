import Metrics
import MetricsTestKit
import Support
import Testing

@testable import Outbox

@Suite("What the relay counts", .timeLimit(.minutes(1)))
struct RelayMetricsTests {
    @Test("each outcome, each batch, and how long events took from their commit to their confirm")
    func outcomes() async throws {
        try await withTestDatabase { database in
            let metrics = TestMetrics()
            let publisher = ScriptedPublisher { event in
                switch event.routingKey {
                case "bad": .eventFault("too large")
                case "gone": .destinationFault("returned")
                default: .delivered
                }
            }
            let relay = try withMetricsFactory(metrics) { try database.relay(publisher) { $0.maxAttempts = 2 } }
            try await database.enqueue(3)
            try await database.enqueue(1, key: "bad")
            try await database.enqueue(1, key: "gone")
            try await running(relay) {
                try await eventually("all but one are delivered or dead") { try await database.pendingCount() == 1 }
            }
            func publishes(_ outcome: String) throws -> Int64 {
                try metrics.expectCounter("outbox.publishes", [("outcome", outcome)]).totalValue
            }
            #expect(try publishes("delivered") == 3)
            #expect(try publishes("event_fault") == 2)
            #expect(try publishes("destination_fault") >= 1)
            #expect(try publishes("unknown") == 0)
            #expect(try metrics.expectCounter("outbox.events.parked").totalValue == 1)
            #expect(try metrics.expectCounter("outbox.claims", [("result", "events")]).totalValue >= 2)
            #expect(try metrics.expectRecorder("outbox.batch").values.first == 5)
            let latencies = try metrics.expectTimer("outbox.delivery.latency").values
            #expect(latencies.count == 3 && latencies.allSatisfy { $0 > 0 && $0 < 60_000_000_000 })
        }
    }
}
