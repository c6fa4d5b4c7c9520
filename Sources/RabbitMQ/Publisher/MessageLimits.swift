/// What one connection can carry, checked before a message touches it.
///
/// rabbitmq-c notices a too long property only after the method frame has left; the broker then closes the connection
/// and every message in flight becomes unknown.
struct MessageLimits: Sendable {
    /// The negotiated frame size in bytes.
    var maximumFrameBytes: Int

    private static let shortString = Int(UInt8.max)
    /// Frame header and end, class, weight, body size, property flags, delivery mode, timestamp.
    private static let fixedHeaderBytes = 8 + 12 + 2 + 1 + 8

    /// The fault that makes a message unsendable, or nothing.
    func fault(of message: RabbitMQMessage) -> RabbitMQError? {
        let strings = [
            ("exchange", message.exchange), ("routing key", message.routingKey), ("message id", message.messageID),
            ("type", message.type ?? ""), ("content type", message.contentType ?? ""), ("app id", message.appID ?? ""),
        ]
        for (name, value) in strings where value.utf8.count > Self.shortString {
            return RabbitMQError(
                .invalidMessage,
                "\(name) has \(value.utf8.count) bytes, AMQP allows \(Self.shortString)"
            )
        }
        guard message.headers.keys.allSatisfy({ $0.utf8.count <= Self.shortString }) else {
            return RabbitMQError(.invalidMessage, "a header name has more than \(Self.shortString) bytes")
        }
        let headerBytes = Self.headerBytes(of: message)
        guard headerBytes <= self.maximumFrameBytes else {
            return RabbitMQError(
                .invalidMessage,
                "properties and headers take \(headerBytes) bytes, one frame holds \(self.maximumFrameBytes)"
            )
        }
        return nil
    }

    /// Size of the content header frame.
    static func headerBytes(of message: RabbitMQMessage) -> Int {
        let properties = [message.messageID, message.type, message.contentType, message.appID]
        let table = message.headers.reduce(into: 4) { sum, entry in
            sum += 1 + entry.key.utf8.count + 1
            switch entry.value {
            case .string(let text): sum += 4 + text.utf8.count
            case .int: sum += 8
            case .bool: sum += 1
            }
        }
        return properties.reduce(Self.fixedHeaderBytes + table) { $0 + 1 + ($1?.utf8.count ?? 0) }
    }
}
