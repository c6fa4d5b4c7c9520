import RabbitMQ

/// A received message, as `consume` shows it.
struct PrintedMessage: Encodable {
    let delivery: RabbitMQDelivery

    private var body: String { String(decoding: self.delivery.message.body, as: UTF8.self) }

    /// For people: a line about the message, and its body.
    var lines: [String] {
        let message = self.delivery.message
        let id = message.messageID.isEmpty ? "(no message id)" : message.messageID
        let redelivered = self.delivery.redelivered ? " (redelivered)" : ""
        let type = message.type ?? "(no type)"
        let body = self.body.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return ["\(id) \(type) \(message.exchange)/\(message.routingKey)\(redelivered)"] + body
    }

    private enum CodingKeys: CodingKey {
        case messageId, redelivered, exchange, routingKey, type, headers, body
    }

    /// Every key is always there; what the publisher did not set is null.
    func encode(to encoder: any Encoder) throws {
        let message = self.delivery.message
        var object = encoder.container(keyedBy: CodingKeys.self)
        try object.encode(message.messageID.isEmpty ? nil : message.messageID, forKey: .messageId)
        try object.encode(self.delivery.redelivered, forKey: .redelivered)
        try object.encode(message.exchange, forKey: .exchange)
        try object.encode(message.routingKey, forKey: .routingKey)
        try object.encode(message.type, forKey: .type)
        try object.encode(message.headers.mapValues(Header.init(value:)), forKey: .headers)
        try object.encode(self.body, forKey: .body)
    }

    private struct Header: Encodable {
        let value: RabbitMQHeader

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self.value {
            case .string(let text): try container.encode(text)
            case .int(let number): try container.encode(number)
            case .bool(let flag): try container.encode(flag)
            }
        }
    }
}
