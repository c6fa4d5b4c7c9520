import Testing

@testable import Outbox

@Suite("The floor under the claim")
struct ClaimFloorTests {
    private var floor = ClaimFloor()
    private let begin = ContinuousClock.now

    private func after(_ milliseconds: Int) -> ContinuousClock.Instant { self.begin + .milliseconds(milliseconds) }

    @Test("begins with a sweep, and goes on where the last claim ended")
    mutating func advances() {
        #expect(self.floor.start(at: self.begin) == 0)
        self.floor.claimed(from: 0, through: 256, isFull: true, took: .milliseconds(10), at: self.begin)
        #expect(self.floor.start(at: self.after(100)) == 256)
        self.floor.claimed(from: 256, through: 512, isFull: true, took: .milliseconds(10), at: self.after(110))
        #expect(self.floor.start(at: self.after(120)) == 512)
        self.floor.claimed(from: 512, through: nil, isFull: false, took: .milliseconds(1), at: self.after(121))
        #expect(self.floor.sequence == 512)
    }

    @Test(
        "sweeps again when the last sweep is a twentieth of the time since, whatever it cost", arguments: [1, 10, 100])
    func budget(cost: Int) {
        var floor = ClaimFloor()
        _ = floor.start(at: self.begin)
        floor.claimed(from: 0, through: 9, isFull: false, took: .milliseconds(cost), at: self.begin)
        #expect(floor.start(at: self.after(19 * cost - 1)) == 9)
        #expect(floor.start(at: self.after(19 * cost)) == 0)
        // One lane's sweep is enough.
        #expect(floor.start(at: self.after(19 * cost)) == 9)
    }

    @Test("goes down to what a full sweep has left, and not for a sweep that took all")
    mutating func sweeps() {
        self.floor.claimed(from: 1, through: 1000, isFull: true, took: .zero, at: self.begin)
        self.floor.claimed(from: 0, through: 12, isFull: false, took: .zero, at: self.begin)
        #expect(self.floor.sequence == 1000)
        self.floor.claimed(from: 0, through: 300, isFull: true, took: .zero, at: self.begin)
        #expect(self.floor.sequence == 300)
        // Another lane's claim, begun before the sweep.
        self.floor.claimed(from: 1000, through: 1256, isFull: true, took: .zero, at: self.begin)
        #expect(self.floor.sequence == 1256)
    }
}
