import Foundation
import Postgres
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
                    let ids = try await cluster.enqueue(min(1000, count - written))
                    cluster.ledger.enqueued(ids)
                    written += ids.count
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

extension Cluster {
    /// Enqueues events as any service may: in a transaction of its own, in SQL.
    fileprivate func enqueue(_ count: Int) async throws -> [String] {
        try await self.query(
            """
            SELECT skillrelay.enqueue('learning.skill', 'learning.skill.distill',
                convert_to(format('{"n":%s}', n), 'UTF8'), '{}', 'SkillLearnTask')
            FROM generate_series(1, $1) AS n
            """,
            [.int4(Int32(count))],
            as: UUID.self
        ).map { $0.uuidString.lowercased() }
    }
}
