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

    // MARK: Publishing

    /// Collects what is sent from now on; ``uncork()`` sends it.
    ///
    /// One message is three writes. Uncorking also pushes out the last piece of a body of exactly k frames, which the
    /// library leaves in the kernel for 200 ms. Manual: tcp(7), TCP_CORK.
    func cork() { self.setCork(1) }
    func uncork() { self.setCork(0) }

    private func setCork(_ value: Int32) {
        var value = value
        // Only speed hangs on it, so a failure is left to the next send.
        _ = unsafe setsockopt(
            self.fileDescriptor,
            Int32(IPPROTO_TCP),
            TCP_CORK,
            &value,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    /// Writes one message, mandatory and persistent. Its lengths must have been checked: any failure here ends the
    /// connection, for a part of the message may have left.
    func publish(_ message: RabbitMQMessage, on channel: UInt16) throws(RabbitMQError) {
        defer { self.arguments.recycle() }
        var properties = unsafe amqp_basic_properties_t()
        var flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG
        unsafe properties.delivery_mode = 2
        unsafe properties.message_id = self.arguments.bytes(message.messageID)
        if let type = message.type {
            flags |= AMQP_BASIC_TYPE_FLAG
            unsafe properties.type = self.arguments.bytes(type)
        }
        if let contentType = message.contentType {
            flags |= AMQP_BASIC_CONTENT_TYPE_FLAG
            unsafe properties.content_type = self.arguments.bytes(contentType)
        }
        if let appID = message.appID {
            flags |= AMQP_BASIC_APP_ID_FLAG
            unsafe properties.app_id = self.arguments.bytes(appID)
        }
        if let timestamp = message.timestamp {
            flags |= AMQP_BASIC_TIMESTAMP_FLAG
            unsafe properties.timestamp = timestamp
        }
        if !message.headers.isEmpty {
            flags |= AMQP_BASIC_HEADERS_FLAG
            unsafe properties.headers = self.arguments.table(message.headers)
        }
        unsafe properties._flags = UInt32(flags)
        let status = unsafe message.body.withUnsafeBytes { body in
            unsafe amqp_basic_publish(
                self.connection,
                channel,
                self.arguments.bytes(message.exchange),
                self.arguments.bytes(message.routingKey),
                1,
                0,
                &properties,
                amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress))
            )
        }
        try self.check(status, "the connection to the broker was lost while publishing")
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
