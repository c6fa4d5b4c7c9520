import Foundation

/// What the relay knows of events and the database does not: that the broker has them, or may have them. A value.
///
/// Comes about when the transaction that was to say so is lost, or when a confirm comes after an alarm, long after the transaction has
/// ended. The relay writes it before it claims again. What is still owed then belongs to rows that another transaction holds: that of
/// another relay, whose they are now, or what is left of a lost connection of ours. Nothing is claimed while that is more than a batch,
/// and each claim can add one batch and each alarm one window: so it stays small.
struct OwedEvents {
    /// Confirmed and routed, each with the latest place in the claim's order that its row can have. A row behind that is another one,
    /// written for a replay of the event, and not meant.
    private(set) var delivered: [UUID: Int64] = [:]
    /// Perhaps sent.
    private(set) var maybeSent: Set<UUID> = []
    /// The latest place in the claim's order that this relay has claimed.
    private(set) var lastSequence: Int64 = 0

    var count: Int { self.delivered.count + self.maybeSent.count }
    var isEmpty: Bool { self.count == 0 }

    mutating func claimed(_ events: [ClaimedEvent]) {
        self.lastSequence = max(self.lastSequence, events.map(\.sequence).max() ?? 0)
    }

    /// Confirmed late: whichever row it was, it was claimed by now.
    mutating func add(delivered ids: some Sequence<UUID>) {
        for id in ids { self.add(delivered: id, at: self.lastSequence) }
    }

    private mutating func add(delivered id: UUID, at place: Int64) {
        self.delivered[id] = max(self.delivered[id] ?? 0, place)
        self.maybeSent.remove(id)
    }

    /// A settlement that may not have been committed. What was refused is tried again.
    mutating func add(_ settlement: Settlement) {
        for retry in settlement.retries where retry.maybeSent && self.delivered[retry.id] == nil {
            self.maybeSent.insert(retry.id)
        }
        for event in settlement.delivered { self.add(delivered: event.id, at: event.sequence) }
    }

    /// All of `written` that could be is; `pending` are those of its ids whose rows are held elsewhere.
    mutating func settled(_ written: OwedEvents, stillPending pending: Set<UUID>) {
        for (id, place) in written.delivered where !pending.contains(id) && self.delivered[id] == place {
            self.delivered[id] = nil
        }
        self.maybeSent.subtract(written.maybeSent.subtracting(pending))
    }

    /// Whether the event, claimed again, is one to complete without publishing it.
    func isDelivered(_ event: ClaimedEvent) -> Bool {
        self.delivered[event.id].map { event.sequence <= $0 } ?? false
    }

    /// The event as it is claimed again, with its mark.
    func marked(_ event: ClaimedEvent) -> ClaimedEvent {
        var event = event
        if self.maybeSent.contains(event.id) { event.maybeSent = true }
        return event
    }
}
