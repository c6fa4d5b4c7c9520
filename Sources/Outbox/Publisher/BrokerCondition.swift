/// What there is to say of a relay's connection to the broker.
package struct BrokerCondition: Sendable, Hashable {
    package let state: BrokerState
    /// Why it is not connected.
    package let error: String?

    package init(_ state: BrokerState, error: String? = nil) {
        self.state = state
        self.error = error
    }
}
