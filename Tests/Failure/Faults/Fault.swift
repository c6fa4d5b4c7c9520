import Support
import Testing

/// Ends a fault. Returns when the server or process answers again: from then on the time to recover counts.
typealias Heal = @Sendable () async throws -> Void

/// One way to break the system from outside, and what it may cost.
struct Fault: Sendable, CustomTestStringConvertible {
    /// What is hit. Two faults that overlap hit different ones.
    enum Target: Sendable {
        case broker, database, service
    }

    /// How many messages it may repeat.
    enum Repeats: Sendable {
        case none
        /// The batches that one instance has in flight.
        case oneInstance
        /// The batches that all instances have in flight.
        case everyInstance

        func bound(instances: Int) -> Int {
            switch self {
            case .none: 0
            case .oneInstance: Cluster.inFlight
            case .everyInstance: Cluster.inFlight * instances
            }
        }
    }

    let name: String
    let target: Target
    let repeats: Repeats
    /// How long it lasts when there is no hurry; long enough to be noticed.
    var duration = Duration.seconds(2)
    /// How long the system may need afterwards.
    var recovery = Duration.seconds(10)
    /// Whether it waits for traffic to hit, which another fault may have stopped.
    var needsTraffic = false
    /// Does it, and returns once it is done, with how to undo it.
    let inject: @Sendable (Cluster) async throws -> Heal

    var testDescription: String { self.name }

    /// What is tested one by one.
    static let each: [Fault] = broker + brokerLink + database + databaseLink + service

    /// What a random run draws from.
    static let random: [Fault] = each + long
}
