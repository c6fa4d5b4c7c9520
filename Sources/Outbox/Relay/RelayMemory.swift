import Foundation

/// What the lanes of one relay know together and the database does not. A value.
struct RelayMemory {
    var planner: SettlementPlanner
    var owed = OwedEvents()
    var floor = ClaimFloor()
    /// Claimed by a lane and not yet settled.
    private var underWay: Set<UUID> = []
    private var held = HeldDestinations()
    /// Where the events of each held destination begin, but for those that were passed over before.
    private var heldFrom: [Destination: Int64] = [:]

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

    /// A claim has found what is kept back. The events of what no longer is are behind the floor.
    ///
    /// - Returns: what has changed, if anything has.
    mutating func found(_ held: HeldDestinations, at now: ContinuousClock.Instant) -> HoldChange? {
        guard held != self.held else { return nil }
        let change = HoldChange(
            held: held.destinations.subtracting(self.held.destinations),
            released: self.held.destinations.subtracting(held.destinations),
            everything: held.isEverything == self.held.isEverything ? nil : held.isEverything
        )
        self.held = held
        for destination in change.held { self.heldFrom[destination] = self.floor.sequence }
        let places = change.released.compactMap { self.heldFrom.removeValue(forKey: $0) }
        if let place = places.min() { self.floor.recall(after: place, at: now) }
        return change
    }

    /// The failing destination whose turn it is, and the place before its first event.
    func due(_ now: ContinuousClock.Instant) -> (destination: Destination, after: Int64)? {
        self.planner.pauses.due(now, except: self.held)
    }

    /// When one is.
    var nextDue: ContinuousClock.Instant? { self.planner.pauses.nextDue(except: self.held) }

    struct HoldChange: Equatable {
        var held: Set<Destination>
        var released: Set<Destination>
        /// Whether the whole relay is paused now; nil: as before.
        var everything: Bool?
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
