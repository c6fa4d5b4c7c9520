import Testing

@testable import Outbox

@Suite("The floor under the claim")
struct ClaimFloorTests {
    private static let slice = ClaimFloor.widest
    private var floor = ClaimFloor()
    private let begin = ContinuousClock.now

    private func after(_ milliseconds: Int) -> ContinuousClock.Instant { self.begin + .milliseconds(milliseconds) }

    /// One claim, of the kind that it must be.
    private mutating func look(
        _ kind: ClaimFloor.Look.Kind, from place: Int64, at milliseconds: Int, took: Int = 10, _ reach: ClaimReach,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let look = self.floor.next(at: self.after(milliseconds))
        #expect(look.kind == kind, sourceLocation: sourceLocation)
        #expect(look.range.after == place, sourceLocation: sourceLocation)
        let end = self.after(milliseconds + took)
        self.floor.ended(look, reach, took: .milliseconds(took), at: end)
    }

    @Test("goes on where the last claim ended, over what was passed over, too")
    mutating func advances() {
        self.look(.onward, from: 0, at: 0, ClaimReach(through: 256, isFull: true))
        // The sweep that is due finds nothing.
        self.look(.sweep, from: 0, at: 10, ClaimReach(through: 512, isFull: false, isAtHead: true))
        // Found nothing: the rest is a paused destination's.
        self.look(.onward, from: 512, at: 30, ClaimReach(through: 1000, isAtHead: true))
        #expect(self.floor.sequence == 1000)
        self.look(.onward, from: 1000, at: 40, ClaimReach(through: 1000, isAtHead: true))
    }

    @Test("no look is wider than a slice, and a million rows are walked over in slices")
    mutating func slices() {
        for number in 0..<4 {
            let look = self.floor.next(at: self.begin)
            #expect(look.range.through - look.range.after == Self.slice)
            let reach = ClaimReach(through: look.range.through, isAtHead: number == 3)
            self.floor.ended(look, reach, took: .milliseconds(90), at: self.begin)
            // Sweeps are due as soon as there is anything behind the floor; here they are put off.
            if number == 0 { self.look(.sweep, from: 0, at: 0, took: 100, ClaimReach(through: Self.slice)) }
        }
        #expect(self.floor.sequence == 4 * Self.slice)
        // The sweep goes on where it was, each slice on the budget.
        self.look(.sweep, from: 0, at: 2000, took: 100, ClaimReach(through: Self.slice))
        self.look(.onward, from: 4 * Self.slice, at: 3999, ClaimReach(through: 4 * Self.slice, isAtHead: true))
        self.look(.sweep, from: Self.slice, at: 4000, took: 100, ClaimReach(through: 2 * Self.slice))
        self.look(.sweep, from: 2 * Self.slice, at: 6000, took: 100, ClaimReach(through: 3 * Self.slice))
        self.look(.sweep, from: 3 * Self.slice, at: 8000, took: 100, ClaimReach(through: 4 * Self.slice))
        self.look(.sweep, from: 0, at: 10_000, took: 100, ClaimReach(through: Self.slice))
    }

    @Test(
        "sweeps again when the last sweep is a twentieth of the time since, and after 5 s at the latest",
        arguments: [(1, 20), (10, 200), (250, 5000), (400, 5400)])
    mutating func budget(cost: Int, next: Int) {
        let head = ClaimReach(through: 9, isAtHead: true)
        self.look(.onward, from: 0, at: 0, took: 0, head)
        self.look(.sweep, from: 0, at: 0, took: cost, head)
        self.look(.onward, from: 9, at: next - 1, took: 0, head)
        #expect(self.floor.next(at: self.after(next)).kind == .sweep)
        // One lane's sweep is enough.
        #expect(self.floor.next(at: self.after(next)).kind == .onward)
    }

    @Test("a sweep that fails is charged, too, and the next is narrower; when it works it widens again")
    mutating func failure() {
        let head = ClaimReach(through: 9, isAtHead: true)
        self.look(.onward, from: 0, at: 0, took: 0, head)
        let sweep = self.floor.next(at: self.begin)
        self.floor.failed(sweep, took: .seconds(2), at: self.after(2000))
        let onward = self.floor.next(at: self.after(6_999))
        #expect(onward.kind == .onward)
        #expect(onward.range.through - onward.range.after == Self.slice / 4)
        self.floor.ended(onward, head, took: .milliseconds(1), at: self.after(6_999))
        #expect(self.floor.next(at: self.after(7_000)).kind == .sweep)
        for _ in 1...2 { self.look(.onward, from: 9, at: 7_000, took: 1, head) }
        let wide = self.floor.next(at: self.after(7_000))
        #expect(wide.range.through - wide.range.after == Self.slice)
    }

    @Test("a sweep that fills batches goes on at once, in turn with what is new")
    mutating func flows() {
        self.look(.onward, from: 0, at: 0, ClaimReach(through: 10_000, isAtHead: true))
        for sweep in [256, 512] as [Int64] {
            self.look(.sweep, from: sweep - 256, at: Int(sweep), took: 100, ClaimReach(through: sweep, isFull: true))
            self.look(.onward, from: 10_000, at: Int(sweep), ClaimReach(through: 10_000, isAtHead: true))
        }
        self.look(.sweep, from: 512, at: 1000, ClaimReach(through: 10_000, isAtHead: true))
        // Whatever sweeps find, the floor stays where it is: no other lane's claim can hide what they have left.
        #expect(self.floor.sequence == 10_000)
    }

    @Test("rows that are due again are looked for at once, where they are, and without an end to the sweep under way")
    mutating func recall() {
        let slice = Self.slice
        self.look(.onward, from: 0, at: 0, took: 0, ClaimReach(through: 3 * slice, isAtHead: true))
        self.look(.sweep, from: 0, at: 0, ClaimReach(through: slice))
        self.floor.recall(after: 5000, at: self.after(20))
        self.floor.recall(after: 7000, at: self.after(20))
        #expect(self.floor.due == self.after(20))
        self.look(.recall, from: 5000, at: 20, ClaimReach(through: 5256, isFull: true))
        self.look(.onward, from: 3 * slice, at: 30, ClaimReach(through: 3 * slice, isAtHead: true))
        self.look(.recall, from: 5256, at: 40, ClaimReach(through: 5256 + slice))
        self.look(.sweep, from: slice, at: 240, ClaimReach(through: 2 * slice))
    }

    @Test(
        "a recall of other rows while one is under way is not forgotten, and nothing is recalled from before the floor")
    mutating func recallMeanwhile() {
        self.look(.onward, from: 0, at: 0, took: 0, ClaimReach(through: 1000, isAtHead: true))
        self.floor.recall(after: 5000, at: self.begin)
        let look = self.floor.next(at: self.begin)
        #expect(look.kind == .recall && look.range.after == 1000)
        self.floor.recall(after: 10, at: self.begin)
        self.floor.ended(look, ClaimReach(through: 1000, isAtHead: true), took: .zero, at: self.begin)
        self.look(.recall, from: 10, at: 0, ClaimReach(through: 1000, isAtHead: true))
    }

    @Test("looks again at once when there may be more, and not for a sweep on its budget")
    mutating func more() {
        let slice = Self.slice
        var look = self.floor.next(at: self.begin)
        let beyond = self.floor.ended(look, ClaimReach(through: slice), took: .zero, at: self.begin)
        #expect(beyond)
        look = self.floor.next(at: self.begin)
        // It comes to the floor, and that is not where the rows end.
        let swept = self.floor.ended(look, ClaimReach(through: slice), took: .zero, at: self.begin)
        #expect(look.kind == .sweep && swept)
        look = self.floor.next(at: self.begin)
        let half = self.floor.ended(look, ClaimReach(through: slice / 2), took: .seconds(1), at: self.begin)
        #expect(look.kind == .sweep && !half)
        look = self.floor.next(at: self.begin)
        let head = self.floor.ended(look, ClaimReach(through: slice, isAtHead: true), took: .zero, at: self.begin)
        #expect(look.kind == .onward && !head)
    }

    @Test("what was found empty and cost nothing is taken in one stride, and again in slices when it costs")
    mutating func void() {
        let slice = Self.slice
        self.look(.onward, from: 0, at: 0, took: 1, ClaimReach(through: slice, isVoid: true))
        let first = self.floor.next(at: self.after(10))
        #expect(first.range == ClaimRange(after: 0, through: 2 * slice))
        self.floor.ended(
            first, ClaimReach(through: 2 * slice, isVoid: true), took: .milliseconds(1), at: self.after(11))
        let second = self.floor.next(at: self.after(100))
        #expect(second.range == ClaimRange(after: 0, through: 3 * slice))
        self.floor.ended(second, ClaimReach(through: 3 * slice), took: .milliseconds(200), at: self.after(300))
        // Through this sweep, and the next begins with a slice.
        self.look(.sweep, from: 0, at: 10_000, ClaimReach(through: 3 * slice, isAtHead: true))
        #expect(self.floor.next(at: self.after(20_000)).range == ClaimRange(after: 0, through: slice))
    }

    @Test("after a look onward there is a time to sweep, after a sweep there is none but the poll")
    mutating func due() {
        let head = ClaimReach(through: 9, isAtHead: true)
        #expect(self.floor.due == nil)
        self.look(.onward, from: 0, at: 0, took: 0, head)
        #expect(self.floor.due == self.begin)
        self.look(.sweep, from: 0, at: 0, took: 10, head)
        #expect(self.floor.due == nil)
        self.look(.onward, from: 9, at: 50, took: 1, head)
        #expect(self.floor.due == self.after(200))
    }
}
