import Testing

@testable import Outbox

@Suite("What the relay knows and the database does not")
struct OwedEventsTests {
    private var owed = OwedEvents()

    private static func retry(_ event: ClaimedEvent, maybeSent: Bool) -> Settlement.Retry {
        Settlement.Retry(
            sequence: event.sequence, id: event.id, attempts: 0, delay: .zero, maybeSent: maybeSent, error: "lost"
        )
    }

    @Test("of a settlement that may not be committed it keeps what was delivered and what may have been sent")
    mutating func settlement() {
        let events = (1...3).map { ClaimedEvent.fixture(sequence: $0) }
        self.owed.claimed(events)
        self.owed.add(
            Settlement(
                delivered: [events[0]],
                retries: [Self.retry(events[1], maybeSent: true), Self.retry(events[2], maybeSent: false)]
            )
        )
        #expect(events.map(self.owed.isDelivered) == [true, false, false])
        #expect(events.map { self.owed.marked($0).maybeSent } == [false, true, false])
        #expect(self.owed.count == 2)
    }

    @Test("a late confirm ends the doubt")
    mutating func late() {
        let event = ClaimedEvent.fixture()
        self.owed.claimed([event])
        self.owed.add(Settlement(retries: [Self.retry(event, maybeSent: true)]))
        self.owed.add(delivered: [event.id])
        #expect(self.owed.isDelivered(event))
        #expect(self.owed.count == 1)
    }

    @Test("once written nothing is owed but what is held elsewhere")
    mutating func written() {
        let events = (1...2).map { ClaimedEvent.fixture(sequence: $0) }
        self.owed.claimed(events)
        self.owed.add(delivered: events.map(\.id))
        let written = self.owed
        // Comes while the others are being written.
        let late = ClaimedEvent.fixture(sequence: 3)
        self.owed.claimed([late])
        self.owed.add(delivered: [late.id])
        self.owed.settled(written, stillPending: [events[1].id])
        #expect((events + [late]).map(self.owed.isDelivered) == [false, true, true])
        self.owed.settled(self.owed, stillPending: [])
        #expect(self.owed.isEmpty)
    }

    @Test("a later row is a replay also when others beyond it were claimed since")
    mutating func replayAmongOthers() {
        let event = ClaimedEvent.fixture(sequence: 7)
        self.owed.claimed([event])
        self.owed.add(Settlement(delivered: [event]))
        self.owed.claimed([ClaimedEvent.fixture(sequence: 9)])
        #expect(self.owed.isDelivered(event))
        #expect(!self.owed.isDelivered(ClaimedEvent.fixture(sequence: 8, id: event.id)))
    }

    @Test("a later row of the same event is a replay and has to go out")
    mutating func replay() {
        let event = ClaimedEvent.fixture(sequence: 7)
        self.owed.claimed([event])
        self.owed.add(delivered: [event.id])
        let replay = ClaimedEvent.fixture(sequence: 8, id: event.id)
        #expect(!self.owed.isDelivered(replay))
    }
}
