/// What tasks ask of the connection's thread.
enum Command: Sendable {
    case publish([RabbitMQMessage], id: UInt64, Promise<[PublishOutcome]>)
    case cancelPublish(id: UInt64)
    case topology(TopologyOperation, Reply<UInt32>)
    case consume(queue: String, prefetch: UInt16, Reply<Consumption>)
    case settle(Settlement, channel: UInt16, Reply<Void>)
    case cancelConsumer(channel: UInt16, Reply<Void>)
    case close

    /// Answers a command that the thread never took up: the connection has ended.
    func fail(_ error: RabbitMQError) {
        switch self {
        case .publish(let messages, _, let promise): promise.fulfil(messages.map { _ in .unsent(error) })
        case .topology(_, let reply): reply.fulfil(.failure(error))
        case .consume(_, _, let reply): reply.fulfil(.failure(error))
        case .settle(_, _, let reply), .cancelConsumer(_, let reply): reply.fulfil(.failure(error))
        case .cancelPublish, .close: break
        }
    }
}

/// What a consumer says about a delivery.
enum Settlement: Sendable {
    case ack(tag: UInt64, multiple: Bool)
    case nack(tag: UInt64, requeue: Bool)
}

/// A running consumer as the thread made it.
struct Consumption: Sendable {
    let channel: UInt16
    let deliveries: DeliveryQueue
}
