import Testing

@testable import Outbox

@Suite("How a run goes on")
struct ReplayProgressTests {
    private let start = ContinuousClock.now

    @Test("chunk after chunk as long as few wait, and it is finished when none does")
    func atFullRate() {
        var progress = ReplayProgress(rate: nil, isThrough: false, waiting: [])
        #expect(progress.step(at: self.start) == .queue(256))
        progress.queued(Array(1...256), isThrough: false, at: self.start)
        #expect(progress.step(at: self.start) == .queue(256))
        progress.queued(Array(257...512), isThrough: false, at: self.start)
        #expect(progress.step(at: self.start) == .wait(until: nil))
        progress.waiting.removeFirst(255)
        #expect(progress.step(at: self.start) == .wait(until: nil))
        progress.waiting.removeFirst()
        #expect(progress.step(at: self.start) == .queue(256))
        progress.queued([513], isThrough: true, at: self.start)
        #expect(progress.step(at: self.start) == .wait(until: nil))
        progress.waiting = []
        #expect(progress.step(at: self.start) == .finish)
    }

    @Test(
        "a rate is kept in chunks of a quarter of a second, or of one event",
        arguments: [(1, 1), (40, 10), (1000, 250)])
    func rate(rate: Int, size: Int) {
        var progress = ReplayProgress(rate: rate, isThrough: false, waiting: [])
        var now = self.start
        var queued = 0
        while now < self.start + .seconds(10) {
            switch progress.step(at: now) {
            case .queue(let count):
                #expect(count == size)
                queued += count
                progress.queued(Array(repeating: 0, count: count), isThrough: false, at: now)
                progress.waiting = []
            case .wait(let next): now = next ?? .now
            case .finish: Issue.record("it is not through")
            }
        }
        #expect(queued >= 10 * rate && queued <= 10 * rate + size)
    }

    @Test("what an outage has held up is not made up for in a burst")
    func afterOutage() {
        var progress = ReplayProgress(rate: 100, isThrough: false, waiting: [])
        progress.queued(Array(1...25), isThrough: false, at: self.start)
        progress.waiting = []
        let later = self.start + .seconds(3600)
        var queued = 0
        while case .queue(let count) = progress.step(at: later) {
            queued += count
            progress.queued(Array(repeating: 0, count: count), isThrough: false, at: later)
            progress.waiting = []
        }
        #expect(queued <= 75)
    }
}
