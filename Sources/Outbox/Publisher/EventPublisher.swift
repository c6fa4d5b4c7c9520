/// What the relay needs of a broker; the tests answer in its place with a script.
package protocol EventPublisher: Sendable {
    /// False while the broker is away or refuses to take messages: nothing is claimed then.
    var isReady: Bool { get }

    /// Publishes and waits for what became of each event; one outcome an event, in order.
    ///
    /// Returns in bounded time, whatever the broker does.
    func publish(_ events: [ClaimedEvent]) async -> [DeliveryOutcome]
}

/// What became of one publish, by whose fault it was (design: an outage is not the event's fault).
package enum DeliveryOutcome: Sendable, Hashable {
    /// Confirmed and routed to a queue.
    case delivered
    /// The exchange is missing, nothing is bound, the queue refuses: every event for this destination would fail.
    case destinationFault(String)
    /// This event can never be published as it is.
    case eventFault(String)
    /// Sent or perhaps sent, and not confirmed.
    case unknown(String)
    /// Certainly not sent.
    case unsent(String)

    /// The broker has decided; otherwise the event must be published again.
    var isDefinite: Bool {
        switch self {
        case .delivered, .destinationFault, .eventFault: true
        case .unknown, .unsent: false
        }
    }
}
