package import Foundation
package import Postgres

/// A committed event that this relay holds until it has settled it.
package struct ClaimedEvent: Sendable, Hashable {
    /// Its place in the claim's order, and what settling names it by.
    package let sequence: Int64
    package let id: UUID
    package let exchange: String
    package let routingKey: String
    package let type: String?
    package let payload: [UInt8]
    /// JSON text of an object.
    package let headers: String
    package let createdAt: PostgresTimestamp
    /// How often the event itself was refused.
    package let attempts: Int
    /// An earlier publish may have reached the broker.
    package var maybeSent: Bool
    /// The run that has queued it again.
    package var replayID: UUID? = nil

    package var destination: Destination { Destination(exchange: self.exchange, routingKey: self.routingKey) }
}

/// Where a message goes: what fails and recovers as one.
package struct Destination: Sendable, Hashable {
    package let exchange: String
    package let routingKey: String

    package init(exchange: String, routingKey: String) {
        self.exchange = exchange
        self.routingKey = routingKey
    }
}
