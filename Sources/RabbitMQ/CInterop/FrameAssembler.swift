import CRabbitMQ

/// What a broker says without being asked.
enum BrokerEvent: Sendable {
    case acked(tag: UInt64, multiple: Bool)
    case nacked(tag: UInt64, multiple: Bool)
    case returned(messageID: String, code: ReplyCode, text: String)
    case delivered(RabbitMQDelivery)
    case consumerCancelled
    case channelClosed(ReplyCode, text: String)
    case connectionClosed(ReplyCode, text: String)
    case blocked(reason: String)
    case unblocked
}

/// Turns frames into events: a return or a delivery is a method, a header and as many body frames as its size needs.
struct FrameAssembler {
    private enum Content {
        case returned(ReplyCode, text: String)
        case delivery(tag: UInt64, redelivered: Bool)
    }

    private struct Partial {
        let content: Content
        var message: RabbitMQMessage
        /// Bytes still to come, known from the header on.
        var missing: UInt64?
    }

    /// Contents of different channels may be interleaved.
    private var partials: [UInt16: Partial] = [:]

    /// The event that this frame completes, if it does.
    @unsafe
    mutating func read(_ frame: amqp_frame_t) -> BrokerEvent? {
        let channel = unsafe frame.channel
        switch Int32(unsafe frame.frame_type) {
        case AMQP_FRAME_METHOD:
            return unsafe self.read(method: frame.payload.method, channel: channel)
        case AMQP_FRAME_HEADER:
            let header = unsafe frame.payload.properties
            if let properties = unsafe header.decoded?.assumingMemoryBound(to: amqp_basic_properties_t.self) {
                unsafe self.partials[channel]?.message.read(properties.pointee)
            }
            self.partials[channel]?.missing = unsafe header.body_size
        case AMQP_FRAME_BODY:
            let fragment = unsafe frame.payload.body_fragment
            if case .delivery = self.partials[channel]?.content {
                unsafe self.partials[channel]?.message.body.append(
                    contentsOf: UnsafeRawBufferPointer(start: fragment.bytes, count: fragment.len)
                )
            }
            let missing = self.partials[channel]?.missing ?? 0
            self.partials[channel]?.missing = unsafe missing - min(missing, UInt64(fragment.len))
        default:
            break
        }
        return self.takeComplete(channel)
    }

    private mutating func takeComplete(_ channel: UInt16) -> BrokerEvent? {
        guard let partial = self.partials[channel], partial.missing == 0 else { return nil }
        self.partials[channel] = nil
        switch partial.content {
        case .returned(let code, let text):
            return .returned(messageID: partial.message.messageID, code: code, text: text)
        case .delivery(let tag, let redelivered):
            return .delivered(RabbitMQDelivery(tag: tag, redelivered: redelivered, message: partial.message))
        }
    }

    private mutating func read(method: amqp_method_t, channel: UInt16) -> BrokerEvent? {
        guard let decoded = unsafe method.decoded else { return nil }
        switch unsafe method.id {
        case AMQP_BASIC_ACK_METHOD:
            let ack = unsafe decoded.load(as: amqp_basic_ack_t.self)
            return .acked(tag: ack.delivery_tag, multiple: ack.multiple != 0)
        case AMQP_BASIC_NACK_METHOD:
            let nack = unsafe decoded.load(as: amqp_basic_nack_t.self)
            return .nacked(tag: nack.delivery_tag, multiple: nack.multiple != 0)
        case AMQP_BASIC_RETURN_METHOD:
            let method = unsafe decoded.load(as: amqp_basic_return_t.self)
            let code = unsafe ReplyCode(rawValue: method.reply_code)
            unsafe self.begin(
                .returned(code, text: String(method.reply_text)),
                channel: channel,
                exchange: method.exchange,
                routingKey: method.routing_key
            )
            return nil
        case AMQP_BASIC_DELIVER_METHOD:
            let method = unsafe decoded.load(as: amqp_basic_deliver_t.self)
            unsafe self.begin(
                .delivery(tag: method.delivery_tag, redelivered: method.redelivered != 0),
                channel: channel,
                exchange: method.exchange,
                routingKey: method.routing_key
            )
            return nil
        case AMQP_BASIC_CANCEL_METHOD:
            return .consumerCancelled
        case AMQP_CHANNEL_CLOSE_METHOD:
            self.partials[channel] = nil
            let close = unsafe decoded.load(as: amqp_channel_close_t.self)
            return unsafe .channelClosed(ReplyCode(rawValue: close.reply_code), text: String(close.reply_text))
        case AMQP_CONNECTION_CLOSE_METHOD:
            let close = unsafe decoded.load(as: amqp_connection_close_t.self)
            return unsafe .connectionClosed(ReplyCode(rawValue: close.reply_code), text: String(close.reply_text))
        case AMQP_CONNECTION_BLOCKED_METHOD:
            return unsafe .blocked(reason: String(decoded.load(as: amqp_connection_blocked_t.self).reason))
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
            return .unblocked
        default:
            return nil
        }
    }

    private mutating func begin(
        _ content: Content,
        channel: UInt16,
        exchange: amqp_bytes_t,
        routingKey: amqp_bytes_t
    ) {
        self.partials[channel] = unsafe Partial(
            content: content,
            message: RabbitMQMessage(
                exchange: String(exchange),
                routingKey: String(routingKey),
                body: [],
                messageID: ""
            )
        )
    }
}
