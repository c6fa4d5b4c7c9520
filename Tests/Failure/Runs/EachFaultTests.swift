import Foundation
import Support
import Testing

extension FailureTests {
    @Suite struct EachFaultTests {
        @Test(
            "each fault alone loses nothing, invents nothing, repeats no more than it may, and is over in time",
            .timeLimit(.minutes(3)), arguments: RunPlan.eachFault)
        func alone(_ fault: Fault) async throws {
            let instances = try RunPlan.number("SKILLRELAY_CHAOS_INSTANCES") ?? 1
            try await Cluster.with(instances: Int(instances)) { cluster in
                try await eventually("the load is under way") { cluster.ledger.counts.arrivals >= 50 }
                try await cluster.suffer([fault], for: fault.duration)
                let count = cluster.ledger.counts.arrivals
                try await eventually("the load goes on") { cluster.ledger.counts.arrivals >= count + 50 }
                try await cluster.comeToRest()
                try judge(cluster) { [Report(fault.name, $0)] }
            }
        }
    }
}
