import Testing

@testable import Outbox

@Suite("What the lanes of a relay know together")
struct RelayMemoryTests {
    private var memory = RelayMemory(planner: SettlementPlanner(maxAttempts: 5, retryPolicy: RetryPolicy()))

    @Test("an event that one lane has under way is left alone by another, until it is settled")
    mutating func underWay() {
        let events = (1...2).map { ClaimedEvent.fixture(sequence: $0) }
        let first = self.memory.begin(events)
        #expect(first == events.map(RelayMemory.Assignment.publish))
        // Its transaction was lost while it publishes, so the rows were free.
        let second = self.memory.begin([events[1]])
        #expect(second == [.leave])
        self.memory.end(second)
        #expect(self.memory.begin([events[1]]) == [.leave])
        self.memory.end(first)
        #expect(self.memory.begin([events[1]]) == [.publish(events[1])])
    }

    @Test("what the broker has is completed, and what it may have goes out with its mark")
    mutating func owed() {
        let events = (1...2).map { ClaimedEvent.fixture(sequence: $0) }
        self.memory.end(self.memory.begin(events))
        self.memory.owed.add(delivered: [events[0].id])
        self.memory.owed.add(
            Settlement(
                retries: [
                    .init(sequence: 2, id: events[1].id, attempts: 0, delay: .zero, maybeSent: true, error: "lost")
                ]
            )
        )
        var marked = events[1]
        marked.maybeSent = true
        #expect(self.memory.begin(events) == [.complete, .publish(marked)])
    }

    @Test("what a batch has left, and what waits for a destination that is back, is looked at again at once")
    mutating func recall() {
        let now = ContinuousClock.now
        let events = (11...14).map { ClaimedEvent.fixture(sequence: $0) }
        let outcomes: [DeliveryOutcome] = [.delivered, .unknown("lost"), .unsent("lost"), .delivered]
        func place(_ outcomes: [DeliveryOutcome], recovered: [Destination: Int64] = [:], isCut: Bool = false) -> Int64?
        {
            var memory = self.memory
            let onward = memory.floor.next(at: now)
            memory.floor.ended(onward, ClaimReach(through: 14, isAtHead: true), took: .zero, at: now)
            var settlement = Settlement()
            settlement.recovered = recovered
            memory.recall(events, outcomes, settlement, isCut: isCut, at: now)
            let look = memory.floor.next(at: now)
            return look.kind == .recall ? look.range.after : nil
        }
        let delivered = Array(repeating: DeliveryOutcome.delivered, count: 4)
        #expect(place(outcomes) == 11)
        #expect(place(delivered) == nil)
        #expect(place(delivered, isCut: true) == 14)
        #expect(place(outcomes, recovered: [events[0].destination: 5]) == 4)
        // Their pause, or their delay, keeps them back.
        #expect(place(Array(repeating: .destinationFault("refused"), count: 4)) == nil)
    }
}
