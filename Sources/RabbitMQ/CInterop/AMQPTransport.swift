import CRabbitMQ
import Glibc

/// Owns one `amqp_connection_state_t`. Every call must come from the one thread that made it.
///
/// Calls that wait for an answer are bounded by `operationTimeout`. A thrown `.channelClosed` leaves the connection
/// usable; any other thrown error has ended it.
/// Source: rabbitmq-c 0.11, `amqp.h` and its README on threading.
@safe
final class AMQPTransport {
    let connection: amqp_connection_state_t
    let arguments = ArgumentPool()
    /// Frames of our own that are not yet written: never any while the library may write.
    var outgoing = FrameBuffer()
    /// Whether the library alone can write, since it alone has the TLS session.
    var isEncrypted = false
    var isCorked = false
    private var assembler = FrameAssembler()

    init() throws(RabbitMQError) {
        guard let connection = unsafe amqp_new_connection() else {
            throw RabbitMQError(.unreachable, "rabbitmq-c could not make a connection")
        }
        unsafe self.connection = connection
    }

    /// Closes the socket too.
    deinit { unsafe amqp_destroy_connection(self.connection) }

    /// The socket, or −1 once the library has closed it.
    var fileDescriptor: Int32 { unsafe amqp_get_sockfd(self.connection) }
    var channelMaximum: UInt16 { unsafe UInt16(clamping: amqp_get_channel_max(self.connection)) }
    var limits: MessageLimits { unsafe MessageLimits(maximumFrameBytes: Int(amqp_get_frame_max(self.connection))) }
    /// As negotiated; nothing when switched off.
    var heartbeat: Duration? {
        let seconds = unsafe amqp_get_heartbeat(self.connection)
        return seconds > 0 ? .seconds(Int64(seconds)) : nil
    }

    /// Hands over everything that has arrived, without waiting. Also sends and checks heartbeats, which the library
    /// does nowhere else.
    func drain(_ handle: (UInt16, BrokerEvent) throws(RabbitMQError) -> Void) throws(RabbitMQError) {
        var frame = unsafe amqp_frame_t()
        var now = timeval()
        while true {
            let status = unsafe amqp_simple_wait_frame_noblock(self.connection, &frame, &now)
            if status == AMQP_STATUS_TIMEOUT.rawValue { break }
            try self.check(status, "the connection to the broker was lost")
            guard let event = unsafe self.assembler.read(frame) else { continue }
            switch event {
            case .connectionClosed(let code, let text): throw self.connectionClosed(code, text)
            case .channelClosed:
                try self.confirmClose(channel: unsafe frame.channel)
                try handle(unsafe frame.channel, event)
            default: try handle(unsafe frame.channel, event)
            }
        }
        // Frees the frames read; their contents have been copied.
        unsafe amqp_maybe_release_buffers(self.connection)
    }

    // MARK: Errors

    /// For calls that answer with a status. Must follow the call at once, because of `errno`.
    func check(_ status: Int32, _ what: String) throws(RabbitMQError) {
        guard status < 0 else { return }
        throw Self.error(status, errno: errno, what)
    }

    /// For calls that wait for the broker's answer. Must follow the call at once, because of `errno`.
    func checkReply(_ what: String) throws(RabbitMQError) {
        let number = errno
        let reply = unsafe amqp_get_rpc_reply(self.connection)
        try unsafe self.check(reply, errno: number, what)
    }

    func check(_ reply: amqp_rpc_reply_t, errno number: Int32, _ what: String) throws(RabbitMQError) {
        switch unsafe reply.reply_type {
        case AMQP_RESPONSE_NORMAL:
            return
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            throw unsafe Self.error(reply.library_error, errno: number, what)
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            guard let decoded = unsafe reply.reply.decoded else { break }
            if unsafe reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD {
                let close = unsafe decoded.load(as: amqp_channel_close_t.self)
                throw unsafe RabbitMQError(
                    .channelClosed,
                    what,
                    replyCode: ReplyCode(rawValue: close.reply_code),
                    brokerText: String(close.reply_text)
                )
            }
            let close = unsafe decoded.load(as: amqp_connection_close_t.self)
            throw unsafe self.connectionClosed(ReplyCode(rawValue: close.reply_code), String(close.reply_text))
        default:
            break
        }
        throw RabbitMQError(.connectionLost, "\(what): the broker closed the connection without a word")
    }

    /// Answers the broker's farewell.
    private func connectionClosed(_ code: ReplyCode, _ text: String) -> RabbitMQError {
        var farewell = amqp_connection_close_ok_t()
        // The connection is over whether or not the broker still reads this.
        _ = unsafe amqp_send_method(self.connection, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &farewell)
        return RabbitMQError(
            .connectionLost,
            "the broker closed the connection",
            replyCode: code,
            brokerText: text
        )
    }

    /// Answers the broker's closing of a channel; after this its number can be opened again.
    func confirmClose(channel: UInt16) throws(RabbitMQError) {
        var confirmation = amqp_channel_close_ok_t()
        let status = unsafe amqp_send_method(self.connection, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &confirmation)
        try self.check(status, "the connection to the broker was lost while closing a channel")
    }

    private static func error(_ status: Int32, errno number: Int32, _ what: String) -> RabbitMQError {
        var reason = unsafe String(cString: amqp_error_string2(status))
        switch (status, number) {
        // The library does not keep what its own non-blocking connect ended with.
        case (AMQP_STATUS_SOCKET_ERROR.rawValue, EINPROGRESS): reason = "connection refused or host not reachable"
        case (AMQP_STATUS_SOCKET_ERROR.rawValue, 1...): reason += ", \(unsafe String(cString: strerror(number)))"
        default: break
        }
        let code: RabbitMQError.Code = status == AMQP_STATUS_TIMEOUT.rawValue ? .timeout : .connectionLost
        return RabbitMQError(code, "\(what): \(reason)")
    }
}
