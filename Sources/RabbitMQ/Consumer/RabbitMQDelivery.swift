/// One message as a consumer receives it.
public struct RabbitMQDelivery: Sendable {
    /// Numbers the delivery on the consumer's channel, for ack and nack.
    public let tag: UInt64
    /// Whether the broker may have delivered this message before.
    public let redelivered: Bool
    /// The message. Without a `message_id` its id is empty.
    public let message: RabbitMQMessage
}
