import Testing

@testable import RabbitMQ

@Suite("The window of unconfirmed messages")
struct ConfirmWindowTests {
    private let start = ContinuousClock.now

    /// A window with messages "1", "2"… sent one second apart.
    private func window(sent count: Int, messages: Int = 100, bytes: Int = 1000) -> ConfirmWindow<Int> {
        var window = ConfirmWindow<Int>(messages: messages, bytes: bytes)
        for item in 1...count {
            window.sent(item, messageID: "\(item)", byteCount: 10, at: self.start + .seconds(item))
        }
        return window
    }

    @Test("one confirm settles one message, also out of order")
    func single() throws {
        var window = self.window(sent: 3)
        #expect(try window.acked(2, multiple: false).map(\.0) == [2])
        #expect(try window.nacked(3, multiple: false).map(\.1) == [.nacked])
        #expect(try window.acked(1, multiple: false).map(\.1) == [.routed])
        #expect(window.isEmpty)
    }

    @Test("a multiple confirm settles every message up to its tag that is still open")
    func multiple() throws {
        var window = self.window(sent: 6)
        _ = try window.acked(2, multiple: false)
        _ = try window.acked(4, multiple: false)
        #expect(try window.acked(5, multiple: true).map(\.0) == [1, 3, 5])
        #expect(try window.nacked(6, multiple: true).map(\.1) == [.nacked])
        #expect(window.isEmpty)
    }

    @Test("a returned message is settled by its ack, as returned")
    func returned() throws {
        var window = self.window(sent: 3)
        window.returned(messageID: "2", code: .noRoute, text: "NO_ROUTE")
        window.returned(messageID: "unknown", code: .noRoute, text: "NO_ROUTE")
        #expect(!window.isEmpty)
        let settled = try window.acked(3, multiple: true)
        #expect(settled.map(\.1) == [.routed, .returned(.noRoute, "NO_ROUTE"), .routed])
    }

    @Test("a confirm that comes twice settles nothing more")
    func twice() throws {
        var window = self.window(sent: 2)
        _ = try window.acked(1, multiple: true)
        #expect(try window.acked(1, multiple: false).isEmpty)
        #expect(try window.acked(1, multiple: true).isEmpty)
    }

    @Test("a confirm for what was never published is an error")
    func outOfStep() {
        var window = self.window(sent: 2)
        #expect(throws: ConfirmWindow<Int>.OutOfStep.self) { try window.acked(3, multiple: true) }
        #expect(throws: ConfirmWindow<Int>.OutOfStep.self) { try window.nacked(.max, multiple: false) }
    }

    @Test("there is room up to the limits, and always for one message")
    func room() throws {
        var window = self.window(sent: 3, messages: 4, bytes: 50)
        #expect(window.hasRoom(for: 20))
        #expect(!window.hasRoom(for: 21))
        window.sent(4, messageID: "4", byteCount: 10, at: self.start)
        #expect(!window.hasRoom(for: 1))
        _ = try window.acked(4, multiple: true)
        #expect(window.hasRoom(for: 1_000_000))
    }

    @Test("the oldest unconfirmed message sets the time")
    func oldest() throws {
        var window = self.window(sent: 3)
        #expect(window.oldestSending == self.start + .seconds(1))
        _ = try window.acked(2, multiple: true)
        #expect(window.oldestSending == self.start + .seconds(3))
        _ = try window.acked(3, multiple: false)
        #expect(window.oldestSending == nil)
    }

    @Test("any order of confirms settles each message once, and the oldest is known after each", arguments: [1, 2, 3])
    func anyOrder(seed: UInt64) throws {
        var window = ConfirmWindow<Int>(messages: 50, bytes: .max)
        var random = Random(state: seed)
        var open: Set<Int> = []
        var sent = 0
        while sent < 2000 || !open.isEmpty {
            if sent < 2000, window.hasRoom(for: 10), random.next() % 3 > 0 {
                sent += 1
                open.insert(sent)
                window.sent(sent, messageID: "\(sent)", byteCount: 10, at: self.start + .seconds(sent))
            } else if let tag = open.isEmpty ? nil : open.sorted()[Int(random.next() % UInt64(open.count))] {
                let multiple = random.next() % 8 == 0
                let settled = try window.acked(UInt64(tag), multiple: multiple).map(\.0)
                #expect(settled == (multiple ? open.filter { $0 <= tag }.sorted() : [tag]))
                open.subtract(settled)
            }
            #expect(window.oldestSending == open.min().map { self.start + .seconds($0) })
            #expect(window.count { _ in true } == open.count)
        }
        #expect(window.isEmpty)
    }

    /// The same numbers for the same seed (splitmix64).
    private struct Random {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = self.state
            mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }
    }

    @Test("after a reset tags start at 1 again")
    func reset() throws {
        var window = self.window(sent: 3)
        window.reset()
        window.sent(9, messageID: "9", byteCount: 1, at: self.start)
        #expect(try window.acked(1, multiple: false).map(\.0) == [9])
    }
}
