/// Decides what is sent next and what became of every message. A value: no clock, no I/O, no waiting.
///
/// Messages are sent in the order in which batches were submitted. A batch is finished when each of its messages has
/// an outcome. What a finished batch still has in flight stays in the window: the broker goes on counting it, and its
/// confirm, which comes late, is kept for whoever asks.
struct PublisherStateMachine {
    typealias Instant = ContinuousClock.Instant
    typealias BatchID = UInt64

    struct Finished: Equatable {
        let batch: BatchID
        let outcomes: [PublishOutcome]
    }

    private struct Batch {
        let messages: [RabbitMQMessage]
        var outcomes: [PublishOutcome?]
        /// The first message not yet sent.
        var next = 0
        var unsettled: Int

        var isSent: Bool { self.next == self.messages.count }
        var isFinished: Bool { self.unsettled == 0 }

        mutating func settle(_ index: Int, _ outcome: PublishOutcome) {
            guard self.outcomes[index] == nil else { return }
            self.outcomes[index] = outcome
            self.unsettled -= 1
        }

        mutating func settleUnsent(_ error: RabbitMQError) {
            for index in self.next..<self.messages.count { self.settle(index, .unsent(error)) }
            self.next = self.messages.count
        }

        mutating func settleAll(_ error: RabbitMQError) {
            for index in 0..<self.next { self.settle(index, .unknown(error)) }
            self.settleUnsent(error)
        }

        /// Steps over what was rejected at submission.
        mutating func skipSettled() {
            while !self.isSent, self.outcomes[self.next] != nil { self.next += 1 }
        }
    }

    private struct Reference {
        let batch: BatchID
        let index: Int
        let messageID: String
    }

    private let publishTimeout: Duration
    private var window: ConfirmWindow<Reference>
    private var batches: [BatchID: Batch] = [:]
    /// Batches with something left to send, first come first.
    private var sending: [BatchID] = []
    private var isChannelOpen = false
    private var blocked: RabbitMQError?
    /// Time spent blocked does not count against the broker.
    private var unblockedAt: Instant?
    /// Messages in the window whose batch is finished.
    private var abandoned = 0
    /// Those of them that were routed, until somebody takes them.
    private var lateRouted: [String] = []

    init(windowMessages: Int, windowBytes: Int, publishTimeout: Duration) {
        self.window = ConfirmWindow(messages: windowMessages, bytes: windowBytes)
        self.publishTimeout = publishTimeout
    }

    // MARK: Sending

    mutating func submit(_ messages: [RabbitMQMessage], as id: BatchID, limits: MessageLimits) -> [Finished] {
        var batch = Batch(
            messages: messages,
            outcomes: Array(repeating: nil, count: messages.count),
            unsettled: messages.count
        )
        for (index, message) in messages.enumerated() {
            if let fault = limits.fault(of: message) { batch.settle(index, .rejected(fault)) }
        }
        if let blocked = self.blocked { batch.settleUnsent(blocked) }
        batch.skipSettled()
        self.batches[id] = batch
        if !batch.isSent { self.sending.append(id) }
        return self.takeFinished([id])
    }

    /// Whether something waits that only needs an open channel.
    var needsChannel: Bool { !self.isChannelOpen && self.blocked == nil && !self.sending.isEmpty }

    mutating func channelOpened() {
        self.isChannelOpen = true
    }

    /// The message to publish now, if the channel, the window and an alarm allow one. It counts as sent: if publishing
    /// fails, its outcome is unknown.
    mutating func nextToSend(at now: Instant) -> RabbitMQMessage? {
        guard self.isChannelOpen, self.blocked == nil, let id = self.sending.first,
            let place = self.batches.index(forKey: id)
        else { return nil }
        let index = self.batches.values[place].next
        let message = self.batches.values[place].messages[index]
        let byteCount = message.body.count + MessageLimits.headerBytes(of: message)
        guard self.window.hasRoom(for: byteCount) else { return nil }
        let reference = Reference(batch: id, index: index, messageID: message.messageID)
        self.window.sent(reference, messageID: message.messageID, byteCount: byteCount, at: now)
        self.batches.values[place].next += 1
        self.batches.values[place].skipSettled()
        if self.batches.values[place].isSent { self.sending.removeFirst() }
        return message
    }

    // MARK: Answers of the broker

    mutating func returned(messageID: String, code: ReplyCode, text: String) {
        self.window.returned(messageID: messageID, code: code, text: text)
    }

    mutating func acked(_ tag: UInt64, multiple: Bool) throws(RabbitMQError) -> [Finished] {
        do {
            return self.settle(try self.window.acked(tag, multiple: multiple))
        } catch { throw Self.outOfStep(error.tag) }
    }

    mutating func nacked(_ tag: UInt64, multiple: Bool) throws(RabbitMQError) -> [Finished] {
        do {
            return self.settle(try self.window.nacked(tag, multiple: multiple))
        } catch { throw Self.outOfStep(error.tag) }
    }

    private static func outOfStep(_ tag: UInt64) -> RabbitMQError {
        RabbitMQError(.connectionLost, "the broker confirmed delivery tag \(tag), which was not published")
    }

    private mutating func settle(_ settled: [(Reference, ConfirmWindow<Reference>.Verdict)]) -> [Finished] {
        var ended: [BatchID] = []
        for (reference, verdict) in settled {
            guard let place = self.batches.index(forKey: reference.batch) else {
                self.abandoned -= 1
                if verdict == .routed { self.lateRouted.append(reference.messageID) }
                continue
            }
            let outcome: PublishOutcome =
                switch verdict {
                case .routed: .routed
                case .returned(let code, let text): .returned(code: code, text: text)
                case .nacked: .nacked
                }
            self.batches.values[place].settle(reference.index, outcome)
            if self.batches.values[place].isFinished { ended.append(reference.batch) }
        }
        return self.takeFinished(ended)
    }

    /// Whether a message that was called unknown may still be confirmed.
    var awaitsLate: Bool { self.abandoned > 0 }

    /// The ids of messages that were called unknown and have turned out to be routed; each once.
    mutating func takeLateRouted() -> [String] {
        defer { self.lateRouted = [] }
        return self.lateRouted
    }

    // MARK: Trouble

    /// The broker closed the channel. It has dropped everything it had not confirmed, good messages too, so all in
    /// flight is unknown and the rest of those batches stays unsent. Batches not begun wait for the next channel.
    mutating func channelClosed(_ error: RabbitMQError) -> [Finished] {
        self.isChannelOpen = false
        self.resetWindow()
        for id in self.batches.keys where self.batches[id]?.next ?? 0 > 0 { self.batches[id]?.settleAll(error) }
        return self.takeFinished(Array(self.batches.keys))
    }

    /// The channel could not be opened: what waits for it stays unsent.
    mutating func channelRefused(_ error: RabbitMQError) -> [Finished] {
        let waiting = self.sending
        self.sending = []
        for id in waiting { self.batches[id]?.settleUnsent(error) }
        return self.takeFinished(waiting)
    }

    mutating func connectionEnded(_ error: RabbitMQError) -> [Finished] {
        self.resetWindow()
        for id in self.batches.keys { self.batches[id]?.settleAll(error) }
        return self.takeFinished(Array(self.batches.keys))
    }

    private mutating func resetWindow() {
        self.window.reset()
        self.abandoned = 0
    }

    /// The broker takes nothing more, for as long as its alarm lasts: nobody is kept waiting. What is in flight stays
    /// there, since it will be stored and confirmed when the alarm ends, and a new connection would only add copies.
    mutating func connectionBlocked(_ error: RabbitMQError) -> [Finished] {
        self.blocked = error
        return self.abandon(Array(self.batches.keys), error)
    }

    mutating func connectionUnblocked(at now: Instant) {
        self.blocked = nil
        self.unblockedAt = now
    }

    /// The caller no longer waits. What is in flight stays in the window until it is confirmed.
    mutating func cancelled(_ id: BatchID, _ error: RabbitMQError) -> [Finished] {
        self.abandon([id], error)
    }

    private mutating func abandon(_ ids: [BatchID], _ error: RabbitMQError) -> [Finished] {
        for id in ids { self.batches[id]?.settleAll(error) }
        let finished = self.takeFinished(ids)
        self.abandoned = self.window.count { self.batches[$0.batch] == nil }
        return finished
    }

    /// When the broker has owed a confirm for too long, and the connection is to be given up.
    var deadline: Instant? {
        guard let sentAt = self.window.oldestSending, self.blocked == nil else { return nil }
        return max(sentAt, self.unblockedAt ?? sentAt) + self.publishTimeout
    }

    /// Takes out those of the batches that have all their outcomes, each once.
    private mutating func takeFinished(_ ids: [BatchID]) -> [Finished] {
        var finished: [Finished] = []
        for id in ids {
            guard let batch = self.batches[id], batch.isFinished else { continue }
            self.batches[id] = nil
            self.sending.removeAll { $0 == id }
            finished.append(Finished(batch: id, outcomes: batch.outcomes.compactMap { $0 }))
        }
        return finished
    }
}
