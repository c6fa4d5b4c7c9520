import Testing

@testable import Outbox

struct SettlementTests {
    private var planner = SettlementPlanner(
        maxAttempts: 3, retryPolicy: RetryPolicy(base: .seconds(1), cap: .seconds(8)))

    private let start = ContinuousClock.now

    private mutating func plan(_ batch: [(ClaimedEvent, DeliveryOutcome)], at now: ContinuousClock.Instant? = nil)
        -> Settlement
    {
        self.planner.plan(batch.map(\.0), batch.map(\.1), now: now ?? self.start, random: { 1 })
    }

    @Test("only what was confirmed and routed leaves the pending list")
    mutating func delivered() {
        let events = (1...5).map { ClaimedEvent.fixture(sequence: $0, routingKey: "key.\($0)") }
        let settlement = self.plan([
            (events[0], .delivered), (events[1], .destinationFault("returned")), (events[2], .eventFault("too large")),
            (events[3], .unknown("connection lost")), (events[4], .unsent("connection lost")),
        ])
        #expect(settlement.delivered == [events[0]])
        #expect(settlement.retries.map(\.sequence) == [2, 3, 4])
        #expect(settlement.dead.isEmpty)
    }

    @Test("an outage of a destination counts no attempts and parks nothing, however long it lasts")
    mutating func destinationOutage() {
        let event = ClaimedEvent.fixture()
        for _ in 1...100 {
            let settlement = self.plan([(event, .destinationFault("returned: 312 NO_ROUTE"))])
            #expect(settlement.dead.isEmpty)
            #expect(settlement.retries.map(\.attempts) == [0])
            #expect(settlement.retries.map(\.delay) == [.zero])
        }
    }

    @Test("a failing destination is paused, longer with each batch that fails, and one delivery ends the pause")
    mutating func destinationPause() {
        let fault = DeliveryOutcome.destinationFault("refused")
        let two = [(ClaimedEvent.fixture(sequence: 1), fault), (ClaimedEvent.fixture(sequence: 2), fault)]
        let destination = ClaimedEvent.fixture().destination
        for seconds in [1, 2, 4, 8, 8] {
            _ = self.plan(two)
            #expect(self.planner.pauses.paused == [destination])
            #expect(self.planner.pauses.due(self.start + .seconds(seconds) - .milliseconds(1)) == nil)
            #expect(self.planner.pauses.due(self.start + .seconds(seconds))?.destination == destination)
        }
        #expect(self.plan([(.fixture(), .delivered)]).recovered == [destination: 1])
        #expect(self.planner.pauses.paused.isEmpty)
        _ = self.plan(two)
        #expect(self.planner.pauses.due(self.start + .seconds(1))?.destination == destination)
    }

    @Test("a destination that took one event of a batch and refused another is paused")
    mutating func partlyRefused() {
        let settlement = self.plan([(.fixture(), .delivered), (.fixture(), .destinationFault("refused (basic.nack)"))])
        #expect(settlement.delivered.count == 1)
        #expect(self.planner.pauses.paused.count == 1)
    }

    @Test("the destination that has waited longest is asked first, from its first event on")
    mutating func longestOverdue() {
        let fault = DeliveryOutcome.destinationFault("refused")
        _ = self.plan([(.fixture(sequence: 7, routingKey: "b"), fault)])
        _ = self.plan(
            [(.fixture(sequence: 9, routingKey: "a"), fault), (.fixture(sequence: 5, routingKey: "a"), fault)],
            at: self.start - .milliseconds(1)
        )
        let first = self.planner.pauses.due(self.start + .seconds(2))
        #expect(first?.destination.routingKey == "a" && first?.after == 4)
        _ = self.plan([(.fixture(sequence: 5, routingKey: "a"), fault)], at: self.start + .seconds(2))
        #expect(self.planner.pauses.due(self.start + .seconds(2))?.destination.routingKey == "b")
    }

    @Test("a paused destination is sought further on, and forgotten when it has no event left")
    mutating func sought() {
        let event = ClaimedEvent.fixture(sequence: 10)
        let range = ClaimRange(after: 9, through: 100)
        _ = self.plan([(event, .destinationFault("refused"))])
        self.planner.sought(event.destination, ClaimReach(through: 100), in: range)
        #expect(self.planner.pauses.due(self.start + .seconds(1))?.after == 100)
        // What filled the claim was none of its events that could be had.
        self.planner.sought(event.destination, ClaimReach(through: 9, isFull: true, isAtHead: true), in: range)
        #expect(self.planner.pauses.paused == [event.destination])
        self.planner.sought(event.destination, ClaimReach(through: 90, isAtHead: true), in: range)
        #expect(self.planner.pauses.paused.isEmpty)
    }

    @Test("a change of a destination's state is told once")
    mutating func destinationChange() {
        let event = ClaimedEvent.fixture()
        #expect(self.plan([(event, .destinationFault("refused"))]).failing == [event.destination: "refused"])
        #expect(self.plan([(event, .destinationFault("refused"))]).failing.isEmpty)
        #expect(self.plan([(event, .delivered)]).recovered == [event.destination: 1])
        #expect(self.plan([(event, .delivered)]).recovered.isEmpty)
    }

    @Test("an event at fault is tried a few times, then parked with its last error")
    mutating func eventFault() {
        let first = self.plan([(.fixture(attempts: 0), .eventFault("first"))])
        #expect(first.retries.map(\.attempts) == [1])
        let second = self.plan([(.fixture(attempts: 1), .eventFault("second"))])
        #expect(second.retries.map(\.attempts) == [2])
        #expect(second.retries.map(\.delay) == [.seconds(2)])
        let event = ClaimedEvent.fixture(attempts: 2)
        let third = self.plan([(event, .eventFault("third"))])
        #expect(third.retries.isEmpty)
        #expect(third.dead == [Settlement.Dead(sequence: 1, id: event.id, attempts: 3, error: "third")])
    }

    @Test("an event without a confirm goes out again at once, marked as perhaps sent")
    mutating func unknown() {
        let event = ClaimedEvent.fixture(attempts: 1)
        let settlement = self.plan([(event, .unknown("timeout"))])
        #expect(
            settlement.retries == [
                Settlement.Retry(
                    sequence: 1, id: event.id, attempts: 1, delay: .zero, maybeSent: true, error: "timeout"
                )
            ]
        )
    }

    @Test("the mark stays when a later try is refused")
    mutating func markStays() {
        let settlement = self.plan([(.fixture(maybeSent: true), .destinationFault("returned"))])
        #expect(settlement.retries.first?.maybeSent == true)
    }

    @Test("a refusal that may hide a copy leaves the mark, too")
    mutating func refusedAndPerhapsSent() {
        let settlement = self.plan([
            (.fixture(sequence: 1), .destinationFault("refused", maybeSent: true)),
            (.fixture(sequence: 2), .eventFault("too large", maybeSent: true)),
            (.fixture(sequence: 3), .eventFault("too large")),
        ])
        #expect(settlement.retries.map(\.maybeSent) == [true, true, false])
    }

    @Test("an event that was unknown and then tried alone keeps what is known of the first try")
    func following() {
        let first = DeliveryOutcome.unknown("channel closed")
        #expect(DeliveryOutcome.delivered.following(first) == .delivered)
        #expect(
            DeliveryOutcome.destinationFault("404").following(first) == .destinationFault("404", maybeSent: true))
        #expect(DeliveryOutcome.eventFault("406").following(first) == .eventFault("406", maybeSent: true))
        #expect(DeliveryOutcome.unsent("blocked").following(first) == first)
        #expect(DeliveryOutcome.eventFault("406").following(.unsent("not tried")) == .eventFault("406"))
    }

    @Test("an event that was not sent is left as it is")
    mutating func unsent() {
        #expect(self.plan([(.fixture(), .unsent("not connected"))]) == Settlement())
    }
}
