/// A frame of AMQP 0-9-1 (§2.3.5), and those that a scripted broker sends.
struct AMQPFrame {
    enum Kind {
        static let method: UInt8 = 1
        static let header: UInt8 = 2
        static let body: UInt8 = 3
        static let heartbeat: UInt8 = 8
    }

    let kind: UInt8
    let channel: UInt16
    let payload: [UInt8]

    var bytes: [UInt8] {
        var writer = AMQPWriter()
        writer.uint8(self.kind)
        writer.uint16(self.channel)
        writer.uint32(UInt32(self.payload.count))
        return writer.bytes + self.payload + [0xCE]
    }

    static func method(
        _ channel: UInt16,
        _ classID: UInt16,
        _ methodID: UInt16,
        _ arguments: (inout AMQPWriter) -> Void = { _ in }
    ) -> [UInt8] {
        var writer = AMQPWriter()
        writer.uint16(classID)
        writer.uint16(methodID)
        arguments(&writer)
        return AMQPFrame(kind: Kind.method, channel: channel, payload: writer.bytes).bytes
    }

    static func bytes(of reply: ScriptedBroker.Reply, _ channel: UInt16) -> [UInt8] {
        switch reply {
        case .ack(let tag, let multiple):
            self.method(channel, 60, 80) { writer in
                writer.uint64(tag)
                writer.uint8(multiple ? 1 : 0)
            }
        case .nack(let tag, let multiple):
            self.method(channel, 60, 120) { writer in
                writer.uint64(tag)
                writer.uint8(multiple ? 1 : 0)
            }
        case .returned(let publish): self.returned(publish, channel)
        case .closeChannel(let code, let text): self.method(channel, 20, 40) { $0.close(code, text) }
        case .closeConnection(let code, let text): self.method(0, 10, 50) { $0.close(code, text) }
        case .blocked(let reason): self.method(0, 10, 60) { $0.shortString(reason) }
        case .unblocked: self.method(0, 10, 61)
        case .bytes(let bytes): bytes
        case .cut(let reply, let count): Array(self.bytes(of: reply, channel).prefix(count))
        }
    }

    private static func returned(_ publish: ScriptedBroker.Publish, _ channel: UInt16) -> [UInt8] {
        let method = self.method(channel, 60, 50) { writer in
            writer.uint16(312)
            writer.shortString("NO_ROUTE")
            writer.shortString(publish.exchange)
            writer.shortString(publish.routingKey)
        }
        var header = AMQPWriter()
        header.uint16(60)
        header.uint16(0)
        header.uint64(UInt64(publish.body.count))
        header.uint16(1 << 7)
        header.shortString(publish.messageID)
        let content = AMQPFrame(kind: Kind.header, channel: channel, payload: header.bytes).bytes
        return publish.body.isEmpty
            ? method + content
            : method + content + AMQPFrame(kind: Kind.body, channel: channel, payload: publish.body).bytes
    }
}

struct AMQPWriter {
    private(set) var bytes: [UInt8] = []

    mutating func uint8(_ value: UInt8) { self.bytes.append(value) }
    mutating func uint16(_ value: UInt16) { self.integer(value) }
    mutating func uint32(_ value: UInt32) { self.integer(value) }
    mutating func uint64(_ value: UInt64) { self.integer(value) }

    private mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { self.bytes += $0 }
    }

    mutating func shortString(_ text: String) {
        self.uint8(UInt8(text.utf8.count))
        self.bytes += text.utf8
    }

    private mutating func longString(_ text: String) {
        self.uint32(UInt32(text.utf8.count))
        self.bytes += text.utf8
    }

    /// Arguments of connection.start: AMQP 0-9-1, no properties.
    mutating func start() {
        self.uint8(0)
        self.uint8(9)
        self.uint32(0)
        self.longString("PLAIN")
        self.longString("en_US")
    }

    /// Arguments of connection.tune: RabbitMQ's, without heartbeats.
    mutating func tune() {
        self.uint16(2047)
        self.uint32(131_072)
        self.uint16(0)
    }

    /// Arguments of channel.close and connection.close.
    mutating func close(_ code: UInt16, _ text: String) {
        self.uint16(code)
        self.shortString(text)
        self.uint32(0)
    }
}

/// Reads what a well-behaved client has sent: it does not check.
struct AMQPReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.rest = bytes[...] }

    mutating func uint8() -> UInt8 { self.integer() }
    mutating func uint16() -> UInt16 { self.integer() }
    mutating func uint32() -> UInt32 { self.integer() }

    private mutating func integer<Value: FixedWidthInteger>() -> Value {
        let size = MemoryLayout<Value>.size
        defer { self.rest = self.rest.dropFirst(size) }
        return self.rest.prefix(size).reduce(0) { $0 << 8 | Value($1) }
    }

    mutating func shortString() -> String {
        let size = Int(self.uint8())
        defer { self.rest = self.rest.dropFirst(size) }
        return String(decoding: self.rest.prefix(size), as: UTF8.self)
    }

    /// The size of the body and the message id.
    mutating func contentHeader() -> (UInt64, String) {
        _ = self.uint32()
        let size: UInt64 = self.integer()
        let flags = self.uint16()
        // In the order of their flags, from bit 15 on; those after the message id are of no interest.
        for bit in stride(from: 15, to: 7, by: -1) where flags & 1 << bit != 0 {
            switch bit {
            case 13: self.rest = self.rest.dropFirst(Int(self.uint32()))
            case 11, 12: _ = self.uint8()
            default: _ = self.shortString()
            }
        }
        return (size, flags & 1 << 7 != 0 ? self.shortString() : "")
    }
}
