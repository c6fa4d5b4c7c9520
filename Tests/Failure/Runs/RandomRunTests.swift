import Foundation
import Support
import Testing

extension FailureTests {
    @Suite struct RandomRunTests {
        @Test("faults in random sequence, also two at once, break no promise", .timeLimit(.minutes(24 * 60)))
        func randomSequence() async throws {
            let plan = try RunPlan.fromEnvironment()
            Report.progress("seed \(plan.seed), \(plan.duration), \(plan.instances) instances")
            try await Cluster.with(instances: plan.instances, tasks: plan.taskCount, seed: plan.seed) { cluster in
                let end = cluster.ledger.now + plan.duration
                while cluster.ledger.now < end {
                    try await Task.sleep(for: .milliseconds(cluster.draws.below(3000)))
                    let faults = Fault.draw(from: cluster.draws, upTo: plan.longestFault)
                    try await cluster.suffer(faults, for: faults.map(\.duration).max() ?? .zero)
                }
                try await cluster.comeToRest()
                try judge(cluster) { Report.lines($0) + [Report("all, seed \(plan.seed)", $0)] }
            }
        }
    }
}

extension Fault {
    /// One fault, or, one time in four, two that hit different things.
    fileprivate static func draw(from draws: Draws, upTo longest: Duration) -> [Fault] {
        let choice = random.filter { $0.duration <= longest }
        let first = choice[draws.below(choice.count)]
        guard draws.below(4) == 0 else { return [first] }
        let others = choice.filter { $0.target != first.target && !($0.needsTraffic && first.needsTraffic) }
        let second = others[draws.below(others.count)]
        // One that needs traffic comes first, while there is some.
        return second.needsTraffic ? [second, first] : [first, second]
    }
}

/// How long and how hard a random run is: `scripts/chaos` sets it in the environment.
struct RunPlan {
    var duration = Duration.seconds(40)
    var seed: UInt64 = 20_240_607
    var instances = 2

    /// A short run must not spend its time on one fault.
    var longestFault: Duration { self.duration > .seconds(300) ? .seconds(60) : .seconds(5) }

    /// What is tested one by one; the long ones only for `scripts/chaos`, which has the time.
    static var eachFault: [Fault] {
        ProcessInfo.processInfo.environment["SKILLRELAY_CHAOS_LONG"] == nil ? Fault.each : Fault.random
    }

    /// Enough for a request on each, at the rate of the load.
    var taskCount: Int { Int(self.duration / .seconds(1)) * 150 + 4000 }

    static func fromEnvironment() throws -> RunPlan {
        var plan = RunPlan()
        if let seconds = try Self.number("SKILLRELAY_CHAOS_SECONDS") { plan.duration = .seconds(Int64(seconds)) }
        if let seed = try Self.number("SKILLRELAY_CHAOS_SEED") { plan.seed = seed }
        if let instances = try Self.number("SKILLRELAY_CHAOS_INSTANCES") { plan.instances = Int(instances) }
        return plan
    }

    static func number(_ name: String) throws -> UInt64? {
        guard let text = ProcessInfo.processInfo.environment[name] else { return nil }
        guard let number = UInt64(text) else { throw TestError("\(name) is not a number: \(text)") }
        return number
    }
}
