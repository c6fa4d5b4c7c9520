/// How the relay works.
package struct RelayConfiguration: Sendable {
    /// How often to look for events that nobody announced: of other instances, other services, plain SQL, or due again.
    package var pollInterval: Duration = .milliseconds(250)
    /// Events in a batch at most.
    package var batchSize = 256
    /// Batches under way at one time: while one is on its way to the broker another is claimed or settled. Each has a connection. More than
    /// one are at work only as long as batches are full.
    package var lanes = 2
    /// Bytes in a batch at most, headers included; one larger event travels alone. No more than the client's window takes at once, so that
    /// a batch is one window and its time is bounded by the publish timeout.
    package var batchBytes = 256 * 1024
    /// An event's own faults before it is parked.
    package var maxAttempts = 5
    /// For events, destinations and the relay's own connection.
    package var retryPolicy = RetryPolicy()

    package init() {}
}
