/// Everything that can go wrong between this client and a broker.
///
/// `description` names what failed and the reply code. The broker's own words, which name exchanges, queues and
/// users, stay in ``brokerText`` and `debugDescription`. Neither ever holds a password or a message body.
public struct RabbitMQError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private enum Base: Hashable {
            case configuration, unreachable, refused, connectionLost, channelClosed, consumerCancelled, timeout, blocked
            case invalidMessage, cancelled, closed
        }
        private let base: Base

        /// The configuration cannot be used.
        public static let configuration = Code(base: .configuration)
        /// No host could be connected.
        public static let unreachable = Code(base: .unreachable)
        /// The broker refused the credentials or the virtual host.
        public static let refused = Code(base: .refused)
        /// The connection ended without our asking, see ``RabbitMQError/replyCode``.
        public static let connectionLost = Code(base: .connectionLost)
        /// The broker closed the channel, see ``RabbitMQError/replyCode``; the connection lives on.
        public static let channelClosed = Code(base: .channelClosed)
        /// The broker cancelled the consumer, as it does when the queue is deleted.
        public static let consumerCancelled = Code(base: .consumerCancelled)
        /// No answer in time.
        public static let timeout = Code(base: .timeout)
        /// The broker accepts nothing from this connection while an alarm lasts.
        public static let blocked = Code(base: .blocked)
        /// The message can never be sent as it is.
        public static let invalidMessage = Code(base: .invalidMessage)
        /// The calling task was cancelled.
        public static let cancelled = Code(base: .cancelled)
        /// This side closed the connection or the consumer.
        public static let closed = Code(base: .closed)
    }

    /// What kind of failure it is.
    public let code: Code
    /// The broker's reply code, when it gave one.
    public let replyCode: ReplyCode?
    /// The broker's reply text, when it gave one.
    public let brokerText: String?
    /// What failed, in our words.
    let message: String

    init(_ code: Code, _ message: String, replyCode: ReplyCode? = nil, brokerText: String? = nil) {
        self.code = code
        self.message = message
        self.replyCode = replyCode
        self.brokerText = brokerText
    }

    /// Whether the same call may succeed later, on this or a new connection, with nothing changed on this side.
    ///
    /// A refusal counts as retryable: operators rotate passwords and restore virtual hosts while clients run.
    public var isRetryable: Bool {
        switch self.code {
        case .configuration, .invalidMessage, .cancelled, .closed: false
        default: true
        }
    }
}

extension RabbitMQError: CustomStringConvertible, CustomDebugStringConvertible {
    /// What failed, with the reply code.
    public var description: String {
        self.replyCode.map { "\(self.message): \($0)" } ?? self.message
    }

    /// The description and the broker's own words.
    public var debugDescription: String {
        self.brokerText.map { "\(self.description) (\($0))" } ?? self.description
    }
}
