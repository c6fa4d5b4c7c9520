// SKELETON of the public API: signatures other targets are written against. The real files replace this one.
// Names and shapes may grow; existing ones must stay source compatible.
public import Logging

public struct RabbitMQConfiguration: Sendable {
    public var applicationName = "skillrelay"
    public var heartbeat: Duration = .seconds(10)
    public var connectTimeout: Duration = .seconds(3)
    /// Bound of each synchronous AMQP method (declare, bind, open…).
    public var operationTimeout: Duration = .seconds(5)
    /// How long a message may wait for its confirm before it is `unknown` and the connection is given up.
    public var publishTimeout: Duration = .seconds(5)
    /// In flight at most.
    public var windowMessages = 256
    public var windowBytes = 256 * 1024
    /// PEM bundle for amqps.
    public var caCertificateFile: String? = nil
    /// `amqp://` or `amqps://`, several separated by commas are tried in turn. Parsed strictly, see failure-modes.md §1.11.
    public init(urls: String) throws(RabbitMQError) { fatalError("skeleton") }
}

public enum RabbitMQHeader: Sendable, Hashable {
    case string(String), int(Int64), bool(Bool)
}

public struct RabbitMQMessage: Sendable {
    public var exchange: String
    public var routingKey: String
    public var body: [UInt8]
    /// Must be unique in a window: returns are matched by it.
    public var messageID: String
    public var type: String?
    public var contentType: String?
    public var appID: String?
    /// Seconds since the Unix epoch.
    public var timestamp: UInt64?
    public var headers: [String: RabbitMQHeader]
    public init(exchange: String, routingKey: String, body: [UInt8], messageID: String, type: String? = nil, contentType: String? = nil, appID: String? = nil, timestamp: UInt64? = nil, headers: [String: RabbitMQHeader] = [:]) { fatalError("skeleton") }
}

/// AMQP reply code, e.g. 312 NO_ROUTE, 404 NOT_FOUND.
public struct ReplyCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public static let noRoute = ReplyCode(rawValue: 312)
    public static let accessRefused = ReplyCode(rawValue: 403)
    public static let notFound = ReplyCode(rawValue: 404)
    public static let preconditionFailed = ReplyCode(rawValue: 406)
}

public enum PublishOutcome: Sendable {
    case routed  // acked, not returned
    case returned(code: ReplyCode, text: String)
    case nacked
    /// Refused here before a byte was sent (a property over 255 bytes, headers over frame_max…): the event's own fault.
    case rejected(RabbitMQError)
    /// Sent or perhaps sent, and no confirm: connection or channel lost, timeout. `error.replyCode` tells of a channel close.
    case unknown(RabbitMQError)
    /// Certainly not sent: the connection was already gone or blocked.
    case unsent(RabbitMQError)
}

public struct RabbitMQError: Error, Sendable {
    public struct Code: Hashable, Sendable {
        enum Base: Hashable { case configuration, unreachable, refused, connectionLost, channelClosed, timeout, blocked, invalidMessage, closed }
        let base: Base
        public static let configuration = Code(base: .configuration)
        public static let unreachable = Code(base: .unreachable)  // no host could be connected
        public static let refused = Code(base: .refused)  // login or vhost refused
        public static let connectionLost = Code(base: .connectionLost)
        public static let channelClosed = Code(base: .channelClosed)  // see replyCode
        public static let timeout = Code(base: .timeout)
        public static let blocked = Code(base: .blocked)
        public static let invalidMessage = Code(base: .invalidMessage)
        public static let closed = Code(base: .closed)  // by us
    }
    public var code: Code { fatalError("skeleton") }
    public var replyCode: ReplyCode? { fatalError("skeleton") }
}

public struct RabbitMQDelivery: Sendable {
    public let tag: UInt64
    public let redelivered: Bool
    public let message: RabbitMQMessage
}

/// One connection on its own thread.
public final class RabbitMQConnection: Sendable {
    public static func connect(_ configuration: RabbitMQConfiguration, logger: Logger) async throws(RabbitMQError) -> RabbitMQConnection { fatalError("skeleton") }
    public var isOpen: Bool { fatalError("skeleton") }
    /// The broker's reason while it has blocked this connection.
    public var blockedReason: String? { fatalError("skeleton") }
    /// Returns when the connection has ended, with why.
    public func waitUntilClosed() async -> RabbitMQError { fatalError("skeleton") }
    public func close() async { fatalError("skeleton") }

    public func declareExchange(_ name: String, type: String = "direct", durable: Bool = true, passive: Bool = false) async throws(RabbitMQError) { fatalError("skeleton") }
    public func declareQueue(_ name: String, durable: Bool = true, exclusive: Bool = false, autoDelete: Bool = false, arguments: [String: RabbitMQHeader] = [:]) async throws(RabbitMQError) { fatalError("skeleton") }
    public func bindQueue(_ queue: String, exchange: String, routingKey: String) async throws(RabbitMQError) { fatalError("skeleton") }
    public func deleteQueue(_ name: String) async throws(RabbitMQError) { fatalError("skeleton") }
    public func deleteExchange(_ name: String) async throws(RabbitMQError) { fatalError("skeleton") }

    /// Publishes, mandatory and persistent, pipelined through the confirm window; one outcome per message, in order.
    /// Opens (and after a channel close reopens) its own confirm channel. Never throws, never hangs: see publishTimeout.
    public func publish(_ messages: [RabbitMQMessage]) async -> [PublishOutcome] { fatalError("skeleton") }

    /// Consumes with manual acks; the sequence ends when the connection or its channel ends (`failure` tells why).
    public func consume(_ queue: String, prefetch: UInt16 = 32) async throws(RabbitMQError) -> RabbitMQConsumer { fatalError("skeleton") }
}

public final class RabbitMQConsumer: AsyncSequence, Sendable {
    public typealias Element = RabbitMQDelivery
    public struct AsyncIterator: AsyncIteratorProtocol {
        public mutating func next() async throws -> RabbitMQDelivery? { fatalError("skeleton") }
    }
    public func makeAsyncIterator() -> AsyncIterator { fatalError("skeleton") }
    public func ack(_ delivery: RabbitMQDelivery, multiple: Bool = false) async throws(RabbitMQError) { fatalError("skeleton") }
    public func nack(_ delivery: RabbitMQDelivery, requeue: Bool) async throws(RabbitMQError) { fatalError("skeleton") }
    /// Cancels the consumer and closes its channel.
    public func cancel() async { fatalError("skeleton") }
}
