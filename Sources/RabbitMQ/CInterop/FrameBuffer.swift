import CRabbitMQ

/// Whole frames on their way to the socket, in one piece of memory.
///
/// rabbitmq-c writes each frame by itself, three for a message; this one hands over a window at once. The library's own encoders fill
/// the frames. Layout: AMQP 0-9-1, §4.2.
struct FrameBuffer {
    private(set) var bytes: [UInt8] = []

    private static let headBytes = 7
    private static let endBytes = 1
    private static let end: UInt8 = 0xCE

    mutating func removeAll() { self.bytes.removeAll(keepingCapacity: true) }

    /// The method that announces a message.
    ///
    /// - Returns: A negative status of the library when it could not encode the method, and nothing was appended.
    @unsafe
    mutating func appendPublish(_ method: inout amqp_basic_publish_t, channel: UInt16) -> Int32 {
        // The method's number, a reserved number, two short strings, the flags.
        let room = unsafe 4 + 2 + 1 + method.exchange.len + 1 + method.routing_key.len + 1
        return unsafe self.append(AMQP_FRAME_METHOD, channel, room: room) { payload in
            unsafe payload.storeBytes(of: AMQP_BASIC_PUBLISH_METHOD.bigEndian, as: UInt32.self)
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: payload[4...])
            let count = unsafe amqp_encode_method(AMQP_BASIC_PUBLISH_METHOD, &method, amqp_bytes_t(rest))
            return count < 0 ? count : 4 + count
        }
    }

    /// `room` is what the encoded frame takes at most.
    ///
    /// - Returns: A negative status of the library when it could not encode the properties, and nothing was appended.
    @unsafe
    mutating func appendHeader(
        _ properties: inout amqp_basic_properties_t,
        bodyBytes: Int,
        channel: UInt16,
        room: Int
    ) -> Int32 {
        unsafe self.append(AMQP_FRAME_HEADER, channel, room: room) { payload in
            unsafe payload.storeBytes(of: UInt16(AMQP_BASIC_CLASS).bigEndian, as: UInt16.self)
            unsafe payload.storeBytes(of: 0, toByteOffset: 2, as: UInt16.self)
            unsafe payload.storeBytes(of: UInt64(bodyBytes).bigEndian, toByteOffset: 4, as: UInt64.self)
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: payload[12...])
            let count = unsafe amqp_encode_properties(UInt16(AMQP_BASIC_CLASS), &properties, amqp_bytes_t(rest))
            return count < 0 ? count : 12 + count
        }
    }

    mutating func appendBody(_ part: ArraySlice<UInt8>, channel: UInt16) {
        self.appendHead(AMQP_FRAME_BODY, channel, payloadBytes: part.count)
        self.bytes += part
        self.bytes.append(Self.end)
    }

    @unsafe
    private mutating func append(
        _ kind: Int32,
        _ channel: UInt16,
        room: Int,
        encode: (UnsafeMutableRawBufferPointer) -> Int32
    ) -> Int32 {
        let start = self.bytes.count
        self.appendHead(kind, channel, payloadBytes: 0)
        self.bytes.append(contentsOf: repeatElement(0, count: room))
        let count = unsafe self.bytes.withUnsafeMutableBytes { all in
            let count = unsafe encode(UnsafeMutableRawBufferPointer(rebasing: all[(start + Self.headBytes)...]))
            if count >= 0 {
                unsafe all.storeBytes(of: UInt32(count).bigEndian, toByteOffset: start + 3, as: UInt32.self)
            }
            return count
        }
        guard count >= 0 else {
            self.bytes.removeSubrange(start...)
            return count
        }
        self.bytes.removeLast(room - Int(count))
        self.bytes.append(Self.end)
        return count
    }

    private mutating func appendHead(_ kind: Int32, _ channel: UInt16, payloadBytes: Int) {
        self.bytes.append(UInt8(kind))
        self.appendBigEndian(channel)
        self.appendBigEndian(UInt32(payloadBytes))
    }

    private mutating func appendBigEndian<Value: FixedWidthInteger>(_ value: Value) {
        for shift in stride(from: Value.bitWidth - 8, through: 0, by: -8) {
            self.bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    /// How much of a body fits a frame of this size.
    static func bodyRoom(frameBytes: Int) -> Int { frameBytes - Self.headBytes - Self.endBytes }
}

extension amqp_bytes_t {
    @unsafe
    fileprivate init(_ buffer: UnsafeMutableRawBufferPointer) {
        unsafe self.init(len: buffer.count, bytes: buffer.baseAddress)
    }
}
