/// One synchronous method on exchanges and queues.
enum TopologyOperation: Sendable {
    case declareExchange(String, type: String, durable: Bool, passive: Bool)
    case declareQueue(
        String,
        passive: Bool,
        durable: Bool,
        exclusive: Bool,
        autoDelete: Bool,
        arguments: [String: RabbitMQHeader]
    )
    case bindQueue(String, exchange: String, routingKey: String)
    case deleteQueue(String)
    case deleteExchange(String)

    /// What it does, for errors.
    var name: String {
        switch self {
        case .declareExchange(let name, _, _, let passive): "\(passive ? "checking" : "declaring") exchange '\(name)'"
        case .declareQueue(let name, let passive, _, _, _, _): "\(passive ? "checking" : "declaring") queue '\(name)'"
        case .bindQueue(let name, let exchange, _): "binding queue '\(name)' to exchange '\(exchange)'"
        case .deleteQueue(let name): "deleting queue '\(name)'"
        case .deleteExchange(let name): "deleting exchange '\(name)'"
        }
    }

    /// The fault that no broker needs to be asked about: rabbitmq-c would poison the connection over it.
    var fault: RabbitMQError? {
        let strings: [String] =
            switch self {
            case .declareExchange(let name, let type, _, _): [name, type]
            case .declareQueue(let name, _, _, _, _, let arguments): [name] + arguments.keys
            case .bindQueue(let name, let exchange, let routingKey): [name, exchange, routingKey]
            case .deleteQueue(let name), .deleteExchange(let name): [name]
            }
        guard strings.allSatisfy({ $0.utf8.count <= Int(UInt8.max) }) else {
            return RabbitMQError(.invalidMessage, "a name has more than \(UInt8.max) bytes")
        }
        return nil
    }
}
