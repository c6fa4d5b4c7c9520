import Foundation

/// What the relay knows of events and the database does not: that the broker has them, or may have them. A value.
///
/// Comes about when the transaction that was to say so is lost, or when a confirm comes after an alarm, long after the transaction has
/// ended. The relay writes it before it claims again. What is still owed then belongs to rows that another transaction holds: that of
/// another relay, whose they are now, or what is left of a lost connection of ours. Nothing is claimed while that is more than a batch,
/// and each claim can add one batch and each alarm one window: so it stays small.
struct OwedEvents {
    /// Confirmed and routed.
    private(set) var delivered: Set<UUID> = []
    /// Perhaps sent.
    private(set) var maybeSent: Set<UUID> = []
    /// The latest place in the claim's order that this relay has claimed. A row behind it with an owed id is another one, written for a
    /// replay of the event, and not meant.
    private(set) var lastSequence: Int64 = 0

    var count: Int { self.delivered.count + self.maybeSent.count }
    var isEmpty: Bool { self.count == 0 }

    mutating func claimed(_ events: [ClaimedEvent]) {
        self.lastSequence = max(self.lastSequence, events.map(\.sequence).max() ?? 0)
    }

    /// Confirmed late, or in a batch whose settlement may not have been committed.
    mutating func add(delivered ids: some Sequence<UUID>) {
        self.delivered.formUnion(ids)
        self.maybeSent.subtract(self.delivered)
    }

    /// A settlement that may not have been committed. What was refused is tried again.
    mutating func add(_ settlement: Settlement) {
        self.maybeSent.formUnion(settlement.retries.lazy.filter(\.maybeSent).map(\.id))
        self.add(delivered: settlement.delivered.map(\.id))
    }

    /// All of `written` that could be is; `pending` are those of its ids whose rows are held elsewhere.
    mutating func settled(_ written: OwedEvents, stillPending pending: Set<UUID>) {
        self.delivered.subtract(written.delivered.subtracting(pending))
        self.maybeSent.subtract(written.maybeSent.subtracting(pending))
    }

    /// Whether the event, claimed again, is one to complete without publishing it.
    func isDelivered(_ event: ClaimedEvent) -> Bool {
        self.delivered.contains(event.id) && event.sequence <= self.lastSequence
    }

    /// The event as it is claimed again, with its mark.
    func marked(_ event: ClaimedEvent) -> ClaimedEvent {
        var event = event
        if self.maybeSent.contains(event.id) { event.maybeSent = true }
        return event
    }
}
