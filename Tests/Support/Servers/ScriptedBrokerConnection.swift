import Glibc
import Synchronization

/// One client of a scripted broker, on a thread of its own.
final class ScriptedBrokerConnection: Sendable {
    /// A message of which the header and the body may still come.
    private struct Partial {
        let exchange: String
        let routingKey: String
        let isMandatory: Bool
        var messageID = ""
        var missing: UInt64?
        var body: [UInt8] = []
    }

    private struct Channel {
        var lastTag: UInt64 = 0
        var partial: Partial?
        /// Closed by the broker: what the client had sent by then is passed over.
        var isClosing = false
    }

    private let number: Int
    /// Absent once closed.
    private let descriptor: Mutex<Int32?>
    /// The one on which the client publishes.
    private let publishingChannel = Mutex<UInt16>(0)

    init(_ descriptor: Int32, number: Int) {
        self.descriptor = Mutex(descriptor)
        self.number = number
    }

    func cut() {
        self.descriptor.withLock { descriptor in
            if let descriptor { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    func say(_ reply: ScriptedBroker.Reply) {
        let channel = self.publishingChannel.withLock { $0 }
        switch reply {
        case .cut(let reply, let count):
            self.write(Array(AMQPFrame.bytes(of: reply, channel).prefix(count)))
            self.descriptor.withLock { descriptor in
                guard let descriptor else { return }
                LoopbackSocket.setLinger(descriptor)
                shutdown(descriptor, Int32(SHUT_RD))
            }
        default:
            self.write(AMQPFrame.bytes(of: reply, channel))
        }
    }

    /// Reads until the connection ends.
    func serve(_ answer: (ScriptedBroker.Publish) -> [ScriptedBroker.Reply]) {
        defer {
            self.descriptor.withLock { descriptor in
                if let open = descriptor.take() { close(open) }
            }
        }
        guard let protocolHeader = self.read(8), protocolHeader.starts(with: Array("AMQP".utf8)) else { return }
        self.write(AMQPFrame.method(0, 10, 10) { $0.start() })
        var channels: [UInt16: Channel] = [:]
        while let frame = self.readFrame() {
            switch frame.kind {
            case AMQPFrame.Kind.method:
                guard self.handle(frame, &channels) else { return }
            case AMQPFrame.Kind.header:
                var reader = AMQPReader(frame.payload)
                let (size, messageID) = reader.contentHeader()
                channels[frame.channel]?.partial?.missing = size
                channels[frame.channel]?.partial?.messageID = messageID
                self.finishMessage(on: frame.channel, &channels, answer)
            case AMQPFrame.Kind.body:
                channels[frame.channel]?.partial?.body += frame.payload
                self.finishMessage(on: frame.channel, &channels, answer)
            default:
                self.write(AMQPFrame(kind: AMQPFrame.Kind.heartbeat, channel: 0, payload: []).bytes)
            }
        }
    }

    /// False when the connection is over.
    private func handle(_ frame: AMQPFrame, _ channels: inout [UInt16: Channel]) -> Bool {
        var reader = AMQPReader(frame.payload)
        let channel = frame.channel
        switch (reader.uint16(), reader.uint16()) {
        case (10, 11): self.write(AMQPFrame.method(0, 10, 30) { $0.tune() })
        case (10, 40): self.write(AMQPFrame.method(0, 10, 41) { $0.shortString("") })
        case (10, 50):
            self.write(AMQPFrame.method(0, 10, 51))
            return false
        case (10, 51): return false
        case (20, 10):
            channels[channel] = Channel()
            self.write(AMQPFrame.method(channel, 20, 11) { $0.uint32(0) })
        case (20, 40): self.write(AMQPFrame.method(channel, 20, 41))
        case (40, 10): self.write(AMQPFrame.method(channel, 40, 11))
        case (85, 10):
            self.publishingChannel.withLock { $0 = channel }
            self.write(AMQPFrame.method(channel, 85, 11))
        case (60, 40):
            _ = reader.uint16()
            channels[channel]?.partial = Partial(
                exchange: reader.shortString(), routingKey: reader.shortString(), isMandatory: reader.uint8() & 1 == 1
            )
        default: break  // tune-ok, close-ok of a channel: nothing to answer
        }
        return true
    }

    private func finishMessage(
        on number: UInt16,
        _ channels: inout [UInt16: Channel],
        _ answer: (ScriptedBroker.Publish) -> [ScriptedBroker.Reply]
    ) {
        guard var channel = channels[number], let partial = channel.partial,
            let missing = partial.missing, partial.body.count >= missing
        else { return }
        channel.partial = nil
        channel.lastTag += 1
        defer { channels[number] = channel }
        guard !channel.isClosing else { return }
        let publish = ScriptedBroker.Publish(
            connection: self.number, tag: channel.lastTag, exchange: partial.exchange, routingKey: partial.routingKey,
            isMandatory: partial.isMandatory, messageID: partial.messageID, body: partial.body
        )
        for reply in answer(publish) {
            if case .closeChannel = reply { channel.isClosing = true }
            self.say(reply)
        }
    }

    // MARK: The socket

    private func write(_ bytes: [UInt8]) {
        self.descriptor.withLock { descriptor in
            guard let descriptor else { return }
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    private func readFrame() -> AMQPFrame? {
        guard let head = self.read(7) else { return nil }
        var reader = AMQPReader(head)
        let (kind, channel, size) = (reader.uint8(), reader.uint16(), reader.uint32())
        guard let payload = self.read(Int(size)), self.read(1) != nil else { return nil }
        return AMQPFrame(kind: kind, channel: channel, payload: payload)
    }

    private func read(_ count: Int) -> [UInt8]? {
        // Only the thread that reads closes it.
        guard let descriptor = self.descriptor.withLock({ $0 }) else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let read = bytes[filled...].withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            guard read > 0 else { return nil }
            filled += read
        }
        return bytes
    }
}
