import CRabbitMQ
import Glibc

// A message is three frames or more. On plain TCP they are encoded here and written a window at a time. Inside TLS only the library
// can write; there the kernel is told to wait for the whole burst.
extension AMQPTransport {
    /// As much as is collected before it is written anyway.
    private static let burstBytes = 128 * 1024

    /// Hands over one message, mandatory and persistent; ``flush()`` must follow before anything else is sent. Its lengths must have
    /// been checked: any failure here ends the connection, for a part of the message may have left.
    func publish(_ message: RabbitMQMessage, on channel: UInt16) throws(RabbitMQError) {
        if self.isEncrypted {
            if !self.isCorked { self.setCork(true) }
            try self.publishThroughLibrary(message, on: channel)
        } else {
            try self.append(message, on: channel)
        }
    }

    /// Writes everything that was published, all of it; the watchdog bounds the wait for a peer that does not read.
    func flush() throws(RabbitMQError) {
        if self.isCorked { self.setCork(false) }
        defer { self.outgoing.removeAll() }
        var written = 0
        while written < self.outgoing.bytes.count {
            let count = unsafe self.outgoing.bytes.withUnsafeBytes { bytes in
                let rest = unsafe bytes[written...]
                return unsafe send(
                    self.fileDescriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                written += count
            } else if errno == EAGAIN {
                var socket = pollfd(fd: self.fileDescriptor, events: Int16(POLLOUT), revents: 0)
                // An interrupted wait is a short one.
                _ = unsafe poll(&socket, 1, -1)
            } else if errno != EINTR {
                try self.check(AMQP_STATUS_SOCKET_ERROR.rawValue, Self.lostWhilePublishing)
            }
        }
    }

    private static let lostWhilePublishing = "the connection to the broker was lost while publishing"

    // MARK: Own frames

    /// The same frames that the library would write.
    func append(_ message: RabbitMQMessage, on channel: UInt16) throws(RabbitMQError) {
        defer { self.arguments.recycle() }
        var method = unsafe amqp_basic_publish_t(
            ticket: 0,
            exchange: self.arguments.bytes(message.exchange),
            routing_key: self.arguments.bytes(message.routingKey),
            mandatory: 1,
            immediate: 0
        )
        try self.check(unsafe self.outgoing.appendPublish(&method, channel: channel), Self.lostWhilePublishing)
        var properties = unsafe self.properties(of: message)
        let status = unsafe self.outgoing.appendHeader(
            &properties,
            bodyBytes: message.body.count,
            channel: channel,
            room: MessageLimits.headerBytes(of: message)
        )
        try self.check(status, Self.lostWhilePublishing)
        let room = FrameBuffer.bodyRoom(frameBytes: self.limits.maximumFrameBytes)
        for start in stride(from: 0, to: message.body.count, by: room) {
            self.outgoing.appendBody(message.body[start..<min(start + room, message.body.count)], channel: channel)
            if self.outgoing.bytes.count >= Self.burstBytes { try self.flush() }
        }
    }

    // MARK: The library's frames

    func publishThroughLibrary(_ message: RabbitMQMessage, on channel: UInt16) throws(RabbitMQError) {
        defer { self.arguments.recycle() }
        var properties = unsafe self.properties(of: message)
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
        try self.check(status, Self.lostWhilePublishing)
    }

    /// Uncorking also pushes out the last piece of a body of exactly k frames, which the library leaves in the kernel for 200 ms.
    /// Manual: tcp(7), TCP_CORK.
    private func setCork(_ isOn: Bool) {
        var value: Int32 = isOn ? 1 : 0
        // Only speed hangs on it, so a failure is left to the next send.
        _ = unsafe setsockopt(
            self.fileDescriptor,
            Int32(IPPROTO_TCP),
            TCP_CORK,
            &value,
            socklen_t(MemoryLayout<Int32>.size)
        )
        self.isCorked = isOn
    }

    /// Valid until the arguments are recycled.
    private func properties(of message: RabbitMQMessage) -> amqp_basic_properties_t {
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
        return unsafe properties
    }
}
