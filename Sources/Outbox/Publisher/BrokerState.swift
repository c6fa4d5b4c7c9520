/// How a relay's connection to the broker is.
package enum BrokerState: String, CaseIterable, Sendable {
    case connected
    /// The broker is under an alarm and takes no messages.
    case blocked
    case away
}
