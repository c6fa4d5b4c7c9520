import Dispatch
public import Logging

/// One connection to a broker, with a confirming publisher, consumers and topology.
///
/// A dedicated thread owns the C library's connection; the methods here hand it commands and await the answers. Every
/// answer comes once and in bounded time, also when the connection dies. Letting go of the last reference closes it.
public final class RabbitMQConnection: Sendable {
    let mailbox: Mailbox

    private init(mailbox: Mailbox) {
        self.mailbox = mailbox
    }

    deinit { self.mailbox.send(.close) }

    /// Connects to the first host of the configuration that lets us in, trying each for `connectTimeout`.
    ///
    /// A cancelled call returns at once; its thread ends as soon as the attempt under way does.
    /// - Parameters:
    ///   - configuration: Hosts, credentials and bounds.
    ///   - logger: For `debug` and, when the broker blocks the connection, `info`.
    /// - Returns: An open connection.
    /// - Throws: `.refused` with 403 (credentials) or 530 (virtual host), else `.unreachable`; `.cancelled`.
    public static func connect(
        _ configuration: RabbitMQConfiguration,
        logger: Logger
    ) async throws(RabbitMQError) -> RabbitMQConnection {
        let mailbox = try Mailbox()
        // Made before the thread, so that an early return closes what the thread opens.
        let connection = RabbitMQConnection(mailbox: mailbox)
        try ConnectionThread.start { ConnectionLoop.run(configuration, mailbox, logger) }
        guard let opened = await mailbox.opened.valueUnlessCancelled() else {
            throw RabbitMQError(.cancelled, "connecting was cancelled")
        }
        try opened.get()
        return connection
    }

    /// Whether the connection, as far as known, still stands.
    public var isOpen: Bool { self.mailbox.ended.current == nil }

    /// The broker's reason while it has blocked this connection because of a memory or disk alarm.
    ///
    /// A broker tells a connection so at the earliest when it publishes.
    public var blockedReason: String? { self.mailbox.blockedReason }

    /// Waits for the end of the connection.
    ///
    /// - Returns: Why it ended: `.closed` if this side closed it, `.connectionLost` with the reply code if the broker
    ///   did, `.timeout` if a confirm or an answer did not come; `.cancelled` if the calling task was cancelled first.
    public func waitUntilClosed() async -> RabbitMQError {
        await self.mailbox.ended.valueUnlessCancelled() ?? RabbitMQError(.cancelled, "waiting was cancelled")
    }

    /// Closes the connection, within a second or so whatever the broker does; without a farewell while it blocks us.
    ///
    /// Messages in flight become unknown, so let ``publish(_:)`` return first.
    public func close() async {
        self.mailbox.send(.close)
        // Not a sleeping task: the farewell is owed also when the calling task was cancelled.
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(1)) { [mailbox] in mailbox.cut() }
        _ = await self.mailbox.ended.value()
    }

    /// Publishes, mandatory and persistent, pipelined through the confirm window.
    ///
    /// Opens its own confirm channel, and opens it again after the broker has closed it. Concurrent calls are served in
    /// order. Never throws; returns when each message has an outcome, which takes at most `publishTimeout` from the
    /// sending of the last one. If a confirm does not come in that time, the connection is given up.
    ///
    /// A call that is cancelled, or that finds or gets the connection blocked, returns promptly: messages in flight are
    /// `unknown`, the rest is `unsent`. The connection is kept, and what was in flight may be confirmed later: see
    /// ``takeLateConfirms()``.
    /// - Parameter messages: In the order to send them. One of them must be sendable within `operationTimeout`.
    /// - Returns: One outcome a message, in the same order.
    public func publish(_ messages: [RabbitMQMessage]) async -> [PublishOutcome] {
        guard !messages.isEmpty else { return [] }
        let promise = Promise<[PublishOutcome]>()
        let id = self.mailbox.makeID()
        self.mailbox.send(.publish(messages, id: id, promise))
        return await withTaskCancellationHandler {
            await promise.value()
        } onCancel: {
            self.mailbox.send(.cancelPublish(id: id))
        }
    }

    /// Whether messages that ``publish(_:)`` called `unknown` may still be confirmed by this connection, or have been and
    /// are to be taken. Ends in bounded time: `publishTimeout` after an alarm the connection is given up.
    public var hasLateConfirms: Bool { self.mailbox.lateConfirms.isPresent }

    /// Takes the ids of messages that ``publish(_:)`` called `unknown` and that have turned out to be routed, each once;
    /// also after the connection's end. Publishing them again would make copies.
    public func takeLateConfirms() -> [String] { self.mailbox.lateConfirms.take() }

    /// Consumes with manual acks, on a channel of its own.
    ///
    /// - Parameters:
    ///   - queue: The queue.
    ///   - prefetch: Deliveries the broker may send before the first is acknowledged. Zero is no bound: what the queue
    ///     holds is kept in memory until it is iterated.
    /// - Returns: The consumer; keep it for as long as it is to run.
    /// - Throws: `.channelClosed` with 404 (no such queue), 403 or 405; see ``RabbitMQError``.
    public func consume(_ queue: String, prefetch: UInt16 = 32) async throws(RabbitMQError) -> RabbitMQConsumer {
        guard queue.utf8.count <= Int(UInt8.max) else {
            throw RabbitMQError(.invalidMessage, "a queue name has more than \(UInt8.max) bytes")
        }
        let reply = Reply<Consumption>()
        self.mailbox.send(.consume(queue: queue, prefetch: prefetch, reply))
        return RabbitMQConsumer(connection: self, consumption: try await reply.value().get())
    }
}
