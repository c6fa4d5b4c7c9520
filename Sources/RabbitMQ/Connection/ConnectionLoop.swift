import Glibc
import Logging

/// The life of one connection, from login to farewell, on its own thread.
///
/// The loop takes commands, sends, reads everything that has arrived, and sleeps in `poll` until the socket or a
/// command wakes it, or a heartbeat or a confirm is due.
final class ConnectionLoop {
    private static let topologyChannel: UInt16 = 1
    private static let publisherChannel: UInt16 = 2
    private static let firstConsumerChannel: UInt16 = 3

    private let mailbox: Mailbox
    private let logger: Logger
    private let transport: AMQPTransport
    private let watchdog: Watchdog
    private let publisher: Publisher
    private var isTopologyChannelOpen = false
    private var consumers: [UInt16: DeliveryQueue] = [:]
    /// Ended consumers whose channel is still to be closed, which a blocked connection must not try.
    private var channelsToClose: [(channel: UInt16, reply: Reply<Void>?)] = []

    init(
        _ transport: AMQPTransport,
        _ configuration: RabbitMQConfiguration,
        _ mailbox: Mailbox,
        _ logger: Logger
    ) {
        self.mailbox = mailbox
        self.logger = logger
        self.transport = transport
        // The library bounds its waits for answers by operationTimeout; the watchdog bounds what it does not.
        self.watchdog = Watchdog(
            fileDescriptor: transport.fileDescriptor,
            limit: configuration.operationTimeout + .seconds(1)
        )
        mailbox.guardWith(self.watchdog)
        self.publisher = Publisher(
            channel: Self.publisherChannel,
            transport: transport,
            configuration: configuration,
            lateConfirms: mailbox.lateConfirms
        )
    }

    // MARK: The loop

    private enum Turn {
        /// Something was done that may have brought answers, which then wait in the library, unseen by `poll`.
        case busy
        case idle
        case closed
    }

    /// Runs until the connection ends, and tells everybody how it did.
    func runUntilEnd() {
        let end = self.end()
        // First, so that who learns of the end by an outcome finds the connection ended.
        self.mailbox.end(end)
        self.publisher.connectionEnded(end)
        for consumer in self.consumers.values { consumer.finish(end) }
        for ended in self.channelsToClose { ended.reply?.fulfil(.success(())) }
        self.watchdog.end()
        self.logger.debug("Connection ended", error: end)
    }

    /// Takes turns until the connection ends, and says why it did.
    private func end() -> RabbitMQError {
        do {
            while true {
                switch try self.turn() {
                case .busy: continue
                case .idle: self.sleep()
                case .closed: return RabbitMQError(.closed, "the connection was closed by this side")
                }
            }
        } catch {
            return error
        }
    }

    /// Does what there is to do without waiting.
    private func turn() throws(RabbitMQError) -> Turn {
        self.watchdog.arm()
        defer { self.watchdog.disarm() }
        // Reading first: what is known of alarms and closed channels decides what the commands may do.
        try self.transport.drain { (channel, event) throws(RabbitMQError) in
            self.watchdog.arm()
            try self.handle(event, channel)
        }
        let commands = self.mailbox.take()
        for command in commands {
            self.watchdog.arm()
            if case .close = command {
                self.farewell()
                return .closed
            }
            try self.perform(command)
        }
        let hasClosed = try self.closeChannels()
        try self.publisher.checkDeadline()
        let mayHaveRead = try self.publisher.pump()
        return commands.isEmpty && !hasClosed && !mayHaveRead ? .idle : .busy
    }

    private func sleep() {
        var limits: [Duration] = []
        if let heartbeat = self.transport.heartbeat { limits.append(heartbeat / 2) }
        if let deadline = self.publisher.deadline { limits.append(ContinuousClock.now.duration(to: deadline)) }
        let timeout = limits.min().map { Int32(clamping: max($0, .zero).milliseconds) } ?? -1
        var sources = [
            pollfd(fd: self.transport.fileDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: self.mailbox.fileDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        // Whatever woke it, the next turn looks everywhere; an interrupted sleep is a short one.
        _ = unsafe poll(&sources, nfds_t(sources.count), timeout)
        if sources[1].revents != 0 { self.mailbox.clearWakeUp() }
    }

    /// The polite end. A blocked broker would not answer.
    private func farewell() {
        guard self.mailbox.blockedReason == nil else { return }
        do {
            try self.transport.closeConnection()
        } catch {
            self.logger.debug("Connection ended without farewell", error: error)
        }
    }

    // MARK: What the broker says

    private func handle(_ event: BrokerEvent, _ channel: UInt16) throws(RabbitMQError) {
        switch event {
        case .blocked(let reason):
            self.logger.info("Broker blocks the connection", metadata: [LogKeys.reason: "\(reason)"])
            self.mailbox.blockedReason = reason
            self.publisher.connectionBlocked(reason: reason)
        case .unblocked:
            self.logger.info("Broker unblocks the connection")
            self.mailbox.blockedReason = nil
            self.publisher.connectionUnblocked()
        case .channelClosed where channel == Self.topologyChannel:
            self.isTopologyChannelOpen = false
        case .channelClosed, .acked, .nacked, .returned:
            guard channel == Self.publisherChannel else { fallthrough }
            try self.publisher.handle(event)
        case .delivered, .consumerCancelled, .connectionClosed:
            self.handleConsumer(event, channel)
        }
    }

    private func handleConsumer(_ event: BrokerEvent, _ channel: UInt16) {
        switch event {
        case .delivered(let delivery):
            self.consumers[channel]?.push(delivery)
        case .channelClosed(let code, let text):
            let error = RabbitMQError(
                .channelClosed,
                "the broker closed the consumer's channel",
                replyCode: code,
                brokerText: text
            )
            self.consumers.removeValue(forKey: channel)?.finish(error)
            self.channelsToClose.removeAll { $0.channel == channel }
        case .consumerCancelled:
            self.consumers.removeValue(forKey: channel)?.finish(
                RabbitMQError(.consumerCancelled, "the broker cancelled the consumer")
            )
            self.channelsToClose.append((channel, nil))
        default:
            break
        }
    }

    // MARK: What tasks ask

    private func perform(_ command: Command) throws(RabbitMQError) {
        switch command {
        case .publish(let messages, let id, let promise):
            self.publisher.submit(messages, id: id, promise: promise)
        case .cancelPublish(let id):
            self.publisher.cancel(id: id)
        case .topology(let operation, let reply):
            try self.answer(reply) { () throws(RabbitMQError) in try self.perform(operation) }
        case .consume(let queue, let prefetch, let reply):
            try self.answer(reply) { () throws(RabbitMQError) in try self.consume(queue, prefetch) }
        case .settle(let settlement, let channel, let reply):
            try self.answer(reply) { () throws(RabbitMQError) in
                guard self.consumers[channel] != nil else {
                    throw RabbitMQError(.closed, "the consumer has ended; the broker delivers again")
                }
                try self.transport.settle(settlement, on: channel)
            }
        case .cancelConsumer(let channel, let reply):
            guard let consumer = self.consumers.removeValue(forKey: channel) else {
                return reply.fulfil(.success(()))
            }
            consumer.finish(nil)
            self.channelsToClose.append((channel, reply))
        case .close:
            break
        }
    }

    /// Answers the caller, and ends the connection if the error is more than a closed channel.
    private func answer<Value>(
        _ reply: Reply<Value>,
        _ body: () throws(RabbitMQError) -> Value
    ) throws(RabbitMQError) {
        do {
            reply.fulfil(.success(try body()))
        } catch {
            reply.fulfil(.failure(error))
            switch error.code {
            case .channelClosed, .blocked, .closed: break
            default: throw error
            }
        }
    }

    private func perform(_ operation: TopologyOperation) throws(RabbitMQError) -> UInt32 {
        try self.refuseWhileBlocked()
        if !self.isTopologyChannelOpen {
            try self.transport.openChannel(Self.topologyChannel)
            self.isTopologyChannelOpen = true
        }
        do {
            return try self.transport.perform(operation, on: Self.topologyChannel)
        } catch {
            self.isTopologyChannelOpen = false
            throw error
        }
    }

    private func consume(_ queue: String, _ prefetch: UInt16) throws(RabbitMQError) -> Consumption {
        try self.refuseWhileBlocked()
        let used = Set(self.consumers.keys).union(self.channelsToClose.map(\.channel))
        let candidates = Self.firstConsumerChannel...max(self.transport.channelMaximum, Self.firstConsumerChannel)
        guard let channel = candidates.first(where: { !used.contains($0) }) else {
            throw RabbitMQError(.channelClosed, "no channel is left on this connection")
        }
        try self.transport.openChannel(channel)
        try self.transport.consume(queue, prefetch: prefetch, on: channel)
        let deliveries = DeliveryQueue()
        self.consumers[channel] = deliveries
        return Consumption(channel: channel, deliveries: deliveries)
    }

    private func refuseWhileBlocked() throws(RabbitMQError) {
        guard let reason = self.mailbox.blockedReason else { return }
        throw RabbitMQError(.blocked, "the broker has blocked the connection", brokerText: reason)
    }

    /// Closing a channel cancels its consumer and gives its unacknowledged deliveries back to the queue.
    ///
    /// - Returns: Whether there was one to close.
    private func closeChannels() throws(RabbitMQError) -> Bool {
        guard self.mailbox.blockedReason == nil, !self.channelsToClose.isEmpty else { return false }
        while let (channel, reply) = self.channelsToClose.popLast() {
            defer { reply?.fulfil(.success(())) }
            do {
                try self.transport.closeChannel(channel)
            } catch {
                // The broker may have closed it in the same moment.
                guard error.code == .channelClosed else { throw error }
                try self.transport.confirmClose(channel: channel)
            }
        }
        return true
    }
}

/// Keys of this client's log lines.
enum LogKeys {
    static let host = "rabbitmq.host"
    static let reason = "rabbitmq.reason"
}
