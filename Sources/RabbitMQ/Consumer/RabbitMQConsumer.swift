/// The messages of one queue, each to be acknowledged by hand.
///
/// The sequence throws when the connection or the channel ends and when the broker cancels the consumer, as it does
/// when the queue is deleted. It ends without an error after ``cancel()`` and when the iterating task is cancelled.
/// What was delivered and not acknowledged is then delivered again, to anyone. Letting go of the consumer cancels it.
public final class RabbitMQConsumer: AsyncSequence, Sendable {
    /// What the sequence holds.
    public typealias Element = RabbitMQDelivery
    /// How the sequence fails.
    public typealias Failure = RabbitMQError

    private let connection: RabbitMQConnection
    private let consumption: Consumption

    init(connection: RabbitMQConnection, consumption: Consumption) {
        self.connection = connection
        self.consumption = consumption
    }

    deinit { self.connection.mailbox.send(.cancelConsumer(channel: self.consumption.channel, Reply())) }

    /// Takes deliveries one by one. Several iterators share them.
    public struct AsyncIterator: AsyncIteratorProtocol {
        // Keeps the consumer running while somebody iterates.
        private let consumer: RabbitMQConsumer

        fileprivate init(consumer: RabbitMQConsumer) { self.consumer = consumer }

        /// Waits for the next delivery.
        ///
        /// - Returns: A delivery; nothing after ``RabbitMQConsumer/cancel()`` and when the task is cancelled.
        /// - Throws: Why the consumer ended.
        public mutating func next() async throws(RabbitMQError) -> RabbitMQDelivery? {
            try await self.consumer.consumption.deliveries.next()
        }

        /// Waits for the next delivery.
        ///
        /// - Parameter actor: Where the caller runs.
        /// - Returns: A delivery; nothing after ``RabbitMQConsumer/cancel()`` and when the task is cancelled.
        /// - Throws: Why the consumer ended.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(RabbitMQError) -> RabbitMQDelivery? {
            try await self.consumer.consumption.deliveries.next()
        }
    }

    /// Starts to iterate.
    /// - Returns: An iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(consumer: self) }

    /// Acknowledges: the broker forgets the message. Returns when the ack is on its way; the broker does not answer.
    ///
    /// - Parameters:
    ///   - delivery: A delivery of this consumer, not yet settled.
    ///   - multiple: Acknowledge all earlier ones of this consumer too.
    /// - Throws: Why the consumer or its connection has ended; the broker then delivers the message again.
    public func ack(_ delivery: RabbitMQDelivery, multiple: Bool = false) async throws(RabbitMQError) {
        try await self.settle(.ack(tag: delivery.tag, multiple: multiple))
    }

    /// Refuses a message. Returns when the nack is on its way; the broker does not answer.
    ///
    /// - Parameters:
    ///   - delivery: A delivery of this consumer, not yet settled.
    ///   - requeue: Put it back into the queue; else it is dropped, or dead-lettered if the queue says so.
    /// - Throws: Why the consumer or its connection has ended; the broker then delivers the message again.
    public func nack(_ delivery: RabbitMQDelivery, requeue: Bool) async throws(RabbitMQError) {
        try await self.settle(.nack(tag: delivery.tag, requeue: requeue))
    }

    private func settle(_ settlement: Settlement) async throws(RabbitMQError) {
        let reply = Reply<Void>()
        self.connection.mailbox.send(.settle(settlement, channel: self.consumption.channel, reply))
        try await reply.value().get()
    }

    /// Cancels the consumer and closes its channel; ends the sequence. While the broker blocks the connection, the
    /// sequence ends at once and this returns when the alarm is over.
    public func cancel() async {
        let reply = Reply<Void>()
        self.connection.mailbox.send(.cancelConsumer(channel: self.consumption.channel, reply))
        // Fails only when the connection has ended, and with it the consumer.
        _ = await reply.value()
    }
}
