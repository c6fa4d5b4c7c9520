import Testing

@testable import Outbox

@Suite("When to connect to the broker again")
struct ReconnectBackoffTests {
    private var backoff = ReconnectBackoff(policy: RetryPolicy(base: .seconds(1), cap: .seconds(5)))

    private static func life(seconds: Int = 0, isTried: Bool = false, isProven: Bool = false) -> ReconnectBackoff.Life {
        ReconnectBackoff.Life(duration: .seconds(seconds), isTried: isTried, isProven: isProven)
    }

    @Test("the delay grows with full jitter, and once it has grown is the cap: one attempt in that time, not more")
    mutating func grows() {
        #expect(self.backoff.notConnected(isRefused: false, random: 1) == .seconds(1))
        #expect(self.backoff.notConnected(isRefused: false, random: 0) == .zero)
        #expect(self.backoff.notConnected(isRefused: false, random: 0.5) == .seconds(2))
        for _ in 1...100 { #expect(self.backoff.notConnected(isRefused: false, random: 0) == .seconds(5)) }
    }

    @Test("a connection on which the broker has confirmed begins anew, however short it was")
    mutating func proven() {
        for _ in 1...10 { _ = self.backoff.notConnected(isRefused: false) }
        #expect(self.backoff.ended(Self.life(isTried: true, isProven: true), random: 1) == .seconds(1))
    }

    @Test("connections that confirm nothing are as bad as none, however long they wait for it", arguments: [0, 60])
    mutating func unproven(seconds: Int) {
        for delay in [1, 2, 4, 5, 5] {
            #expect(self.backoff.ended(Self.life(seconds: seconds, isTried: true), random: 1) == .seconds(delay))
        }
    }

    @Test("a connection that was asked for nothing proves itself by lasting")
    mutating func idle() {
        for delay in [1, 2, 4] { #expect(self.backoff.ended(Self.life(seconds: 5), random: 1) == .seconds(delay)) }
        #expect(self.backoff.ended(Self.life(seconds: 6), random: 1) == .seconds(1))
    }

    @Test("a refusal is not asked about again at once")
    mutating func refused() {
        #expect(self.backoff.notConnected(isRefused: true, random: 0) == .seconds(5))
    }
}
