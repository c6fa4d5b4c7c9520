/// Performs what ``PublisherStateMachine`` decides, on the connection's thread.
final class Publisher {
    private let channel: UInt16
    private let transport: AMQPTransport
    private var machine: PublisherStateMachine
    private let lateConfirms: LateConfirms
    private var promises: [UInt64: Promise<[PublishOutcome]>] = [:]

    init(
        channel: UInt16,
        transport: AMQPTransport,
        configuration: RabbitMQConfiguration,
        lateConfirms: LateConfirms
    ) {
        self.channel = channel
        self.transport = transport
        self.lateConfirms = lateConfirms
        self.machine = PublisherStateMachine(
            windowMessages: configuration.windowMessages,
            windowBytes: configuration.windowBytes,
            publishTimeout: configuration.publishTimeout
        )
    }

    var deadline: ContinuousClock.Instant? { self.machine.deadline }

    func submit(_ messages: [RabbitMQMessage], id: UInt64, promise: Promise<[PublishOutcome]>) {
        self.promises[id] = promise
        self.finish(self.machine.submit(messages, as: id, limits: self.transport.limits))
    }

    func cancel(id: UInt64) {
        let error = RabbitMQError(.cancelled, "the publishing task was cancelled")
        self.finish(self.machine.cancelled(id, error))
    }

    /// Sends what the window lets out, in one piece if the transport can.
    ///
    /// - Returns: Whether that may have brought answers, which then wait in the library, unseen by `poll`.
    func pump() throws(RabbitMQError) -> Bool {
        let needsChannel = self.machine.needsChannel
        if needsChannel { try self.openChannel() }
        let now = ContinuousClock.now
        var hasSent = false
        while let message = self.machine.nextToSend(at: now) {
            try self.transport.publish(message, on: self.channel)
            hasSent = true
        }
        if hasSent { try self.transport.flush() }
        return needsChannel || (hasSent && self.transport.isEncrypted)
    }

    private func openChannel() throws(RabbitMQError) {
        do {
            try self.transport.openChannel(self.channel)
            try self.transport.selectConfirms(self.channel)
            self.machine.channelOpened()
        } catch {
            guard error.code == .channelClosed else { throw error }
            self.finish(self.machine.channelRefused(error))
        }
    }

    func handle(_ event: BrokerEvent) throws(RabbitMQError) {
        switch event {
        case .acked(let tag, let multiple):
            self.finish(try self.machine.acked(tag, multiple: multiple))
        case .nacked(let tag, let multiple):
            self.finish(try self.machine.nacked(tag, multiple: multiple))
        case .returned(let messageID, let code, let text):
            self.machine.returned(messageID: messageID, code: code, text: text)
        case .channelClosed(let code, let text):
            let error = RabbitMQError(
                .channelClosed,
                "the broker closed the publishing channel",
                replyCode: code,
                brokerText: text
            )
            self.finish(self.machine.channelClosed(error))
        case .delivered, .consumerCancelled, .connectionClosed, .blocked, .unblocked:
            break
        }
    }

    func connectionBlocked(reason: String) {
        let error = RabbitMQError(.blocked, "the broker has blocked the connection", brokerText: reason)
        self.finish(self.machine.connectionBlocked(error))
    }

    func connectionUnblocked() { self.machine.connectionUnblocked(at: .now) }

    func connectionEnded(_ error: RabbitMQError) { self.finish(self.machine.connectionEnded(error)) }

    /// To be called often enough to meet ``deadline``.
    func checkDeadline() throws(RabbitMQError) {
        guard let deadline = self.machine.deadline, deadline <= .now else { return }
        throw RabbitMQError(.timeout, "the broker did not confirm a message in time")
    }

    private func finish(_ batches: [PublisherStateMachine.Finished]) {
        // First, so that who learns of an unknown outcome finds that its confirm is awaited.
        self.lateConfirms.update(isAwaiting: self.machine.awaitsLate, routed: self.machine.takeLateRouted())
        for batch in batches { self.promises.removeValue(forKey: batch.batch)?.fulfil(batch.outcomes) }
    }
}
