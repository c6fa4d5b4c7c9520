package import Foundation

/// What the relay needs of a broker; the tests answer in its place with a script.
package protocol EventPublisher: Sendable {
    /// False while the broker is away or refuses to take messages, and while late deliveries are awaited or not taken: nothing is
    /// claimed then.
    var isReady: Bool { get }

    /// For those who want to know.
    var condition: BrokerCondition { get }

    /// The broker has confirmed something on this connection: several may publish at one time. Until then one does, so that no more than
    /// one batch's first event is at risk.
    var takesSeveral: Bool { get }

    /// Publishes and waits for what became of each event; one outcome an event, in order. `asProbe`: to a destination that has failed, so
    /// with nothing beside it that could suffer.
    ///
    /// Returns in bounded time, whatever the broker does.
    func publish(_ events: [ClaimedEvent], asProbe: Bool) async -> [DeliveryOutcome]

    /// Takes the ids of events whose outcome was unknown and which the broker has confirmed and routed since.
    func takeLateDeliveries() -> [UUID]
}

/// What became of one publish, by whose fault it was (design: an outage is not the event's fault).
package enum DeliveryOutcome: Sendable, Hashable {
    /// Confirmed and routed to a queue.
    case delivered
    /// The exchange is missing, nothing is bound, the queue refuses: every event for this destination would fail.
    ///
    /// `maybeSent`, here and below: another try of the same batch, or another queue of the exchange, may have taken it.
    case destinationFault(String, maybeSent: Bool = false)
    /// This event can never be published as it is.
    case eventFault(String, maybeSent: Bool = false)
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

    var isUnknown: Bool {
        if case .unknown = self { true } else { false }
    }

    /// What is known after this second try: that the first may have reached the broker is not forgotten.
    func following(_ first: DeliveryOutcome) -> DeliveryOutcome {
        guard case .unknown = first else { return self }
        return switch self {
        case .delivered, .unknown: self
        case .destinationFault(let error, _): .destinationFault(error, maybeSent: true)
        case .eventFault(let error, _): .eventFault(error, maybeSent: true)
        case .unsent: first
        }
    }
}
