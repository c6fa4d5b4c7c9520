/// The number with which a broker explains a refusal.
///
/// Source: AMQP 0-9-1 reply codes, <https://www.rabbitmq.com/amqp-0-9-1-reference#constants>.
public struct ReplyCode: RawRepresentable, Hashable, Sendable {
    /// The code as sent by the broker.
    public let rawValue: UInt16

    /// Wraps a code, known or not.
    /// - Parameter rawValue: The code as sent by the broker.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The body is larger than the broker accepts.
    public static let contentTooLarge = ReplyCode(rawValue: 311)
    /// No queue is bound for the routing key of a mandatory message.
    public static let noRoute = ReplyCode(rawValue: 312)
    /// An operator or a stopping broker closed the connection.
    public static let connectionForced = ReplyCode(rawValue: 320)
    /// The virtual host does not exist.
    public static let invalidPath = ReplyCode(rawValue: 402)
    /// Wrong credentials, or no permission on the resource.
    public static let accessRefused = ReplyCode(rawValue: 403)
    /// The exchange or queue does not exist.
    public static let notFound = ReplyCode(rawValue: 404)
    /// Another connection holds the queue exclusively.
    public static let resourceLocked = ReplyCode(rawValue: 405)
    /// Declared differently before, or a message beyond a limit.
    public static let preconditionFailed = ReplyCode(rawValue: 406)
    /// Frames in an order the protocol forbids.
    public static let unexpectedFrame = ReplyCode(rawValue: 505)
    /// The broker ran out of a resource.
    public static let resourceError = ReplyCode(rawValue: 506)
    /// The virtual host is missing, forbidden or at its connection limit.
    public static let notAllowed = ReplyCode(rawValue: 530)
    /// The broker failed inside.
    public static let internalError = ReplyCode(rawValue: 541)

    private static let names: [ReplyCode: String] = [
        .contentTooLarge: "CONTENT_TOO_LARGE", .noRoute: "NO_ROUTE", .connectionForced: "CONNECTION_FORCED",
        .invalidPath: "INVALID_PATH", .accessRefused: "ACCESS_REFUSED", .notFound: "NOT_FOUND",
        .resourceLocked: "RESOURCE_LOCKED", .preconditionFailed: "PRECONDITION_FAILED",
        .unexpectedFrame: "UNEXPECTED_FRAME", .resourceError: "RESOURCE_ERROR", .notAllowed: "NOT_ALLOWED",
        .internalError: "INTERNAL_ERROR",
    ]
}

extension ReplyCode: CustomStringConvertible {
    /// The code and, where known, its name: `404 NOT_FOUND`.
    public var description: String {
        ReplyCode.names[self].map { "\(self.rawValue) \($0)" } ?? "\(self.rawValue)"
    }
}
