import Support
import Testing

extension FailureTests {
    @Suite struct NoFaultTests {
        @Test("without faults two instances deliver every event exactly once", .timeLimit(.minutes(60)))
        func exactlyOnce() async throws {
            let count = try Int(RunPlan.number("SKILLRELAY_CHAOS_EVENTS") ?? 5000)
            try await Cluster.with(instances: 2) { cluster in
                // As fast as the database takes them, so that both relays are at it all the time.
                var written = 0
                while written < count {
                    let portion = min(1000, count - written)
                    try await cluster.enqueue(portion)
                    written += portion
                }
                try await cluster.comeToRest()
                let verdict = Checker.check(cluster.ledger.history)
                #expect(verdict.duplicateCount == 0)
                #expect(verdict.redeliveredCount == 0)
                #expect(verdict.eventCount >= count)
                try judge(cluster) { [Report("none", $0)] }
            }
        }
    }
}
