/// What has become of a committed event. It is in exactly one state at a time, the first of these that fits.
package enum EventState: String, Sendable, Hashable, Codable, CaseIterable {
    /// Still to be sent, or to be sent again.
    case pending
    /// Parked after its last attempt.
    case dead
    /// Parked, and given up by an operator.
    case discarded
    /// Confirmed by the broker: what a committed event is that is none of the above.
    case delivered

    /// The table that holds the ids of events in this state; nil for `delivered`, which is the rest.
    var table: String? {
        switch self {
        case .pending: "skillrelay.outbox_pending"
        case .dead: "skillrelay.outbox_dead"
        case .discarded: "skillrelay.outbox_discarded"
        case .delivered: nil
        }
    }
}
