/// A value in a message's header table or in the arguments of a declaration.
public enum RabbitMQHeader: Sendable, Hashable {
    /// UTF-8 text.
    case string(String)
    /// A signed 64-bit integer.
    case int(Int64)
    /// A boolean.
    case bool(Bool)
}

/// One message: where it goes, what it is, and its bytes.
///
/// Sent persistent and mandatory. Short strings (exchange, routing key and every property) hold at most 255 bytes.
public struct RabbitMQMessage: Sendable, Equatable {
    /// The exchange to publish to; empty is the default exchange.
    public var exchange: String
    /// The routing key.
    public var routingKey: String
    /// The body, sent as it is.
    public var body: [UInt8]
    /// Must be unique among the messages in flight: returns are matched by it.
    public var messageID: String
    /// What kind of message it is.
    public var type: String?
    /// The MIME type of the body.
    public var contentType: String?
    /// Which application sent it.
    public var appID: String?
    /// Seconds since the Unix epoch.
    public var timestamp: UInt64?
    /// The header table. A received one lacks values of kinds that ``RabbitMQHeader`` has no case for.
    public var headers: [String: RabbitMQHeader]

    /// Makes a message.
    /// - Parameters:
    ///   - exchange: The exchange to publish to; empty is the default exchange.
    ///   - routingKey: The routing key.
    ///   - body: The body, sent as it is.
    ///   - messageID: Must be unique among the messages in flight.
    ///   - type: What kind of message it is.
    ///   - contentType: The MIME type of the body.
    ///   - appID: Which application sends it.
    ///   - timestamp: Seconds since the Unix epoch.
    ///   - headers: The header table.
    public init(
        exchange: String,
        routingKey: String,
        body: [UInt8],
        messageID: String,
        type: String? = nil,
        contentType: String? = nil,
        appID: String? = nil,
        timestamp: UInt64? = nil,
        headers: [String: RabbitMQHeader] = [:]
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.body = body
        self.messageID = messageID
        self.type = type
        self.contentType = contentType
        self.appID = appID
        self.timestamp = timestamp
        self.headers = headers
    }
}
