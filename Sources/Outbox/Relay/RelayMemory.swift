import Foundation

/// What the lanes of one relay know together and the database does not. A value.
struct RelayMemory {
    var planner: SettlementPlanner
    var owed = OwedEvents()
    var floor = ClaimFloor()
    /// Claimed by a lane and not yet settled.
    private var underWay: Set<UUID> = []

    init(planner: SettlementPlanner) {
        self.planner = planner
    }

    /// What to do with a claimed event.
    enum Assignment: Equatable {
        case publish(ClaimedEvent)
        /// The broker has it already.
        case complete
        /// Another lane has it under way: its transaction was lost, and its row was free again.
        case leave
    }

    /// A lane has claimed these.
    mutating func begin(_ events: [ClaimedEvent]) -> [Assignment] {
        let assignments = events.map { event -> Assignment in
            if self.owed.isDelivered(event) { return .complete }
            guard self.underWay.insert(event.id).inserted else { return .leave }
            return .publish(self.owed.marked(event))
        }
        self.owed.claimed(events)
        return assignments
    }

    /// The lane has settled them, or what it could not settle is owed.
    mutating func end(_ assignments: [Assignment]) {
        for case .publish(let event) in assignments { self.underWay.remove(event.id) }
    }

    /// Where rows are due again behind the floor: what the batch has left, and what destinations that are back have waiting.
    mutating func recall(
        _ events: [ClaimedEvent], _ outcomes: [DeliveryOutcome], _ settlement: Settlement, isCut: Bool,
        at now: ContinuousClock.Instant
    ) {
        let left = zip(events, outcomes).first { !$0.1.isDefinite }.map { $0.0.sequence - 1 }
        let cut = isCut ? events.last?.sequence : nil
        let back = settlement.recovered.values.map { $0 - 1 }
        guard let place = ([left, cut].compactMap(\.self) + back).min() else { return }
        self.floor.recall(after: place, at: now)
    }
}
