/// The messages of one confirm channel that wait for their confirm, by delivery tag.
///
/// A value without I/O. The broker numbers publishes from 1 on, so the tag is counted here, in the same step as the
/// publish. Confirms arrive out of order and may settle many tags at once; a return arrives before the ack of the same
/// message and carries no tag, so it is matched by message id.
/// Source: <https://www.rabbitmq.com/docs/confirms>.
struct ConfirmWindow<Item> {
    typealias Instant = ContinuousClock.Instant

    enum Verdict: Equatable {
        case routed
        case returned(ReplyCode, String)
        case nacked
    }

    /// A confirm for a message that was never published: both sides no longer count the same.
    struct OutOfStep: Error {
        let tag: UInt64
    }

    private struct Entry {
        let item: Item
        let messageID: String
        let byteCount: Int
        let sentAt: Instant
        var returned: Verdict?
    }

    private let maximumMessages: Int
    private let maximumBytes: Int
    private var open: [UInt64: Entry] = [:]
    /// No open tag is lower.
    private var lowest: UInt64 = 1
    private var next: UInt64 = 1
    private var openBytes = 0

    /// - Parameters:
    ///   - messages: In flight at most.
    ///   - bytes: In flight at most; a larger message is let in alone.
    init(messages: Int, bytes: Int) {
        self.maximumMessages = messages
        self.maximumBytes = bytes
    }

    var isEmpty: Bool { self.open.isEmpty }

    func count(where isCounted: (Item) -> Bool) -> Int { self.open.values.count { isCounted($0.item) } }

    /// When the message that has waited longest was sent.
    var oldestSending: Instant? { self.open[self.lowest]?.sentAt }

    func hasRoom(for byteCount: Int) -> Bool {
        self.open.isEmpty
            || (self.open.count < self.maximumMessages && self.openBytes + byteCount <= self.maximumBytes)
    }

    mutating func sent(_ item: Item, messageID: String, byteCount: Int, at now: Instant) {
        self.open[self.next] = Entry(item: item, messageID: messageID, byteCount: byteCount, sentAt: now)
        self.next += 1
        self.openBytes += byteCount
    }

    /// Notes a return. The message stays open until its ack.
    mutating func returned(messageID: String, code: ReplyCode, text: String) {
        let tag = (self.lowest..<self.next).first {
            self.open[$0].map { $0.messageID == messageID && $0.returned == nil } ?? false
        }
        if let tag { self.open[tag]?.returned = .returned(code, text) }
    }

    mutating func acked(_ tag: UInt64, multiple: Bool) throws(OutOfStep) -> [(Item, Verdict)] {
        try self.settle(tag, multiple: multiple).map { ($0.item, $0.returned ?? .routed) }
    }

    mutating func nacked(_ tag: UInt64, multiple: Bool) throws(OutOfStep) -> [(Item, Verdict)] {
        try self.settle(tag, multiple: multiple).map { ($0.item, $0.returned ?? .nacked) }
    }

    private mutating func settle(_ tag: UInt64, multiple: Bool) throws(OutOfStep) -> [Entry] {
        guard tag < self.next else { throw OutOfStep(tag: tag) }
        let settled =
            multiple
            ? (self.lowest..<max(self.lowest, tag + 1)).compactMap { self.open.removeValue(forKey: $0) }
            : self.open.removeValue(forKey: tag).map { [$0] } ?? []
        self.openBytes -= settled.reduce(0) { $0 + $1.byteCount }
        while self.lowest < self.next, self.open[self.lowest] == nil { self.lowest += 1 }
        return settled
    }

    /// Ends the channel's count: a reopened channel starts again at tag 1.
    mutating func reset() {
        self = ConfirmWindow(messages: self.maximumMessages, bytes: self.maximumBytes)
    }
}
