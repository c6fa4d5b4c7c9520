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
        /// None by one instance alone: its relay knows what it owes, and writes that first. With several another may take the rows
        /// meanwhile: then the batches that all have in flight.
        case noneAlone
        /// What one lane has in flight: that of the other is known to be none.
        case oneBatch
        /// The batches that one instance has in flight.
        case oneInstance
        /// The batches that all instances have in flight.
        case everyInstance

        func bound(instances: Int) -> Int {
            switch self {
            case .none: 0
            case .noneAlone: instances == 1 ? 0 : Cluster.inFlight * instances
            case .oneBatch: Cluster.batchSize
            case .oneInstance: Cluster.inFlight
            case .everyInstance: Cluster.inFlight * instances
            }
        }
    }

    let name: String
    let target: Target
    let repeats: Repeats
    /// How long it lasts when there is no hurry; long enough to be noticed.
    let duration: Duration
    /// How long the system may need afterwards.
    let recovery: Duration
    /// Whether it waits for traffic to hit, which another fault may have stopped.
    let needsTraffic: Bool
    /// Does it, and returns once it is done, with how to undo it.
    let inject: @Sendable (Cluster) async throws -> Heal

    init(
        _ name: String,
        _ target: Target,
        _ repeats: Repeats,
        lasting duration: Duration = .seconds(2),
        recovery: Duration = .seconds(10),
        needsTraffic: Bool = false,
        inject: @escaping @Sendable (Cluster) async throws -> Heal
    ) {
        self.name = name
        self.target = target
        self.repeats = repeats
        self.duration = duration
        self.recovery = recovery
        self.needsTraffic = needsTraffic
        self.inject = inject
    }

    var testDescription: String { self.name }

    /// What is tested one by one.
    static let each: [Fault] = broker + brokerLink + database + databaseLink + service

    /// Too long for a run that is to take a few minutes.
    static let long: [Fault] = [
        .frozenBroker(for: .seconds(30)),
        .frozenDatabase(for: .seconds(30)),
        .stoppedWithBatch,
    ]

    /// What a random run draws from.
    static let random: [Fault] = each + long
}
