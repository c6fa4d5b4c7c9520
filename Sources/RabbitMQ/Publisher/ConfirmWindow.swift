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
    /// In the order of their tags, which have no gap; nothing where a message is settled.
    private var entries: [Entry?] = []
    /// The tag of the first entry.
    private var first: UInt64 = 1
    /// Where the open message with the lowest tag is, or the end.
    private var lowest = 0
    private var openCount = 0
    private var openBytes = 0

    /// - Parameters:
    ///   - messages: In flight at most.
    ///   - bytes: In flight at most; a larger message is let in alone.
    init(messages: Int, bytes: Int) {
        self.maximumMessages = messages
        self.maximumBytes = bytes
    }

    var isEmpty: Bool { self.openCount == 0 }

    func count(where isCounted: (Item) -> Bool) -> Int {
        self.entries.count { $0.map { isCounted($0.item) } ?? false }
    }

    /// When the message that has waited longest was sent.
    var oldestSending: Instant? { self.isEmpty ? nil : self.entries[self.lowest]?.sentAt }

    func hasRoom(for byteCount: Int) -> Bool {
        self.isEmpty || (self.openCount < self.maximumMessages && self.openBytes + byteCount <= self.maximumBytes)
    }

    mutating func sent(_ item: Item, messageID: String, byteCount: Int, at now: Instant) {
        self.entries.append(Entry(item: item, messageID: messageID, byteCount: byteCount, sentAt: now))
        self.openCount += 1
        self.openBytes += byteCount
    }

    /// Notes a return. The message stays open until its ack.
    mutating func returned(messageID: String, code: ReplyCode, text: String) {
        let place = self.entries[self.lowest...].firstIndex {
            $0.map { $0.messageID == messageID && $0.returned == nil } ?? false
        }
        if let place { self.entries[place]?.returned = .returned(code, text) }
    }

    mutating func acked(_ tag: UInt64, multiple: Bool) throws(OutOfStep) -> [(Item, Verdict)] {
        try self.settle(tag, multiple: multiple).map { ($0.item, $0.returned ?? .routed) }
    }

    mutating func nacked(_ tag: UInt64, multiple: Bool) throws(OutOfStep) -> [(Item, Verdict)] {
        try self.settle(tag, multiple: multiple).map { ($0.item, $0.returned ?? .nacked) }
    }

    private mutating func settle(_ tag: UInt64, multiple: Bool) throws(OutOfStep) -> [Entry] {
        guard tag < self.first + UInt64(self.entries.count) else { throw OutOfStep(tag: tag) }
        // A tag before the first was settled long ago.
        guard tag >= self.first else { return [] }
        let place = Int(tag - self.first)
        let settled = (multiple ? min(self.lowest, place)...place : place...place).compactMap {
            self.entries[$0].take()
        }
        self.openCount -= settled.count
        self.openBytes -= settled.reduce(0) { $0 + $1.byteCount }
        while self.lowest < self.entries.count, self.entries[self.lowest] == nil { self.lowest += 1 }
        self.forgetSettled()
        return settled
    }

    /// Only when that is half of them, so that each is moved once or so.
    private mutating func forgetSettled() {
        guard self.lowest * 2 >= self.entries.count else { return }
        self.entries.removeFirst(self.lowest)
        self.first += UInt64(self.lowest)
        self.lowest = 0
    }

    /// Ends the channel's count: a reopened channel starts again at tag 1.
    mutating func reset() {
        self = ConfirmWindow(messages: self.maximumMessages, bytes: self.maximumBytes)
    }
}
