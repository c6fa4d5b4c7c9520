/// What became of one published message.
public enum PublishOutcome: Sendable, Equatable {
    /// Confirmed, and routed to at least one queue.
    case routed
    /// Confirmed as unroutable: the broker kept no copy.
    case returned(code: ReplyCode, text: String)
    /// Refused by a queue, as a full one does. Other queues of the same exchange may hold a copy.
    case nacked
    /// Refused here before a byte was sent: the message's own fault.
    case rejected(RabbitMQError)
    /// Sent or perhaps sent, and no confirm came. `error.replyCode` tells of a closed channel or connection.
    case unknown(RabbitMQError)
    /// Certainly not sent.
    case unsent(RabbitMQError)
}
