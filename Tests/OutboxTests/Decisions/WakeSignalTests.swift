import Testing

@testable import Outbox

@Suite(.timeLimit(.minutes(1)))
struct WakeSignalTests {
    private let signal = WakeSignal()

    private func timeOf(_ body: () async -> Void) async -> Duration {
        await ContinuousClock().measure(body)
    }

    @Test("a wake ends the wait")
    func wake() async {
        let waited = await self.timeOf {
            async let waiting: Void = self.signal.wait(upTo: .seconds(50))
            self.signal.wake()
            await waiting
        }
        #expect(waited < .seconds(5))
    }

    @Test("a wake before the wait is not lost, and ends one wait only")
    func early() async {
        self.signal.wake()
        self.signal.wake()
        #expect(await self.timeOf { await self.signal.wait(upTo: .seconds(50)) } < .seconds(5))
        #expect(await self.timeOf { await self.signal.wait(upTo: .milliseconds(50)) } >= .milliseconds(50))
    }

    @Test("without a wake the wait ends in time, again and again")
    func timeout() async {
        for _ in 1...3 {
            #expect(await self.timeOf { await self.signal.wait(upTo: .milliseconds(20)) } >= .milliseconds(20))
        }
    }

    @Test("cancellation ends the wait")
    func cancellation() async {
        let waited = await self.timeOf {
            let task = Task { await self.signal.wait(upTo: .seconds(50)) }
            task.cancel()
            await task.value
        }
        #expect(waited < .seconds(5))
    }
}
