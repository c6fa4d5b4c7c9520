import Testing

@testable import RabbitMQ

@Suite("The publisher's decisions")
struct PublisherStateMachineTests {
    private typealias Finished = PublisherStateMachine.Finished

    private let start = ContinuousClock.now
    private let limits = MessageLimits(maximumFrameBytes: 4096)
    private let lost = RabbitMQError(.connectionLost, "lost")
    private let closed = RabbitMQError(.channelClosed, "closed", replyCode: .notFound)
    private let blocked = RabbitMQError(.blocked, "blocked")

    private func machine(window: Int = 10) -> PublisherStateMachine {
        PublisherStateMachine(windowMessages: window, windowBytes: 100_000, publishTimeout: .seconds(5))
    }

    private func messages(_ ids: String...) -> [RabbitMQMessage] {
        ids.map { .to("q", id: $0) }
    }

    /// Sends what the machine lets out.
    private func send(_ machine: inout PublisherStateMachine, after delay: Duration = .zero) -> [String] {
        var sent: [String] = []
        while let message = machine.nextToSend(at: self.start + delay) { sent.append(message.messageID) }
        return sent
    }

    @Test("batches are sent in order once the channel is open, and each finishes with its last confirm")
    func order() throws {
        var machine = self.machine()
        #expect(machine.submit(self.messages("a", "b"), as: 1, limits: self.limits).isEmpty)
        #expect(machine.submit(self.messages("c"), as: 2, limits: self.limits).isEmpty)
        #expect(machine.needsChannel)
        #expect(self.send(&machine).isEmpty)
        machine.channelOpened()
        #expect(!machine.needsChannel)
        #expect(self.send(&machine) == ["a", "b", "c"])
        #expect(try machine.acked(3, multiple: false) == [Finished(batch: 2, outcomes: [.routed])])
        #expect(try machine.acked(1, multiple: false).isEmpty)
        #expect(try machine.nacked(2, multiple: false) == [Finished(batch: 1, outcomes: [.routed, .nacked])])
        #expect(machine.deadline == nil)
    }

    @Test("the window holds back what does not fit")
    func window() throws {
        var machine = self.machine(window: 2)
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b", "c"), as: 1, limits: self.limits)
        #expect(self.send(&machine) == ["a", "b"])
        _ = try machine.acked(1, multiple: false)
        #expect(self.send(&machine) == ["c"])
    }

    @Test("messages that cannot be sent are rejected, and the others go out")
    func rejected() throws {
        var machine = self.machine()
        machine.channelOpened()
        let long = String(repeating: "x", count: 256)
        #expect(machine.submit(self.messages(long), as: 1, limits: self.limits).count == 1)
        #expect(machine.submit(self.messages(long, "a", long, "b", long), as: 2, limits: self.limits).isEmpty)
        #expect(self.send(&machine) == ["a", "b"])
        let finished = try #require(try machine.acked(2, multiple: true).first)
        #expect(finished.outcomes.map { $0 == .routed } == [false, true, false, true, false])
        #expect(finished.outcomes.map { $0.rejectedError != nil } == [true, false, true, false, true])
    }

    @Test("a closed channel leaves the begun batches unknown or unsent, and the others wait for the next channel")
    func channelClosed() throws {
        var machine = self.machine(window: 3)
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b"), as: 1, limits: self.limits)
        _ = machine.submit(self.messages("c", "d"), as: 2, limits: self.limits)
        _ = machine.submit(self.messages("e"), as: 3, limits: self.limits)
        #expect(self.send(&machine) == ["a", "b", "c"])
        _ = try machine.acked(1, multiple: false)
        let finished = machine.channelClosed(self.closed).sorted { $0.batch < $1.batch }
        #expect(
            finished == [
                Finished(batch: 1, outcomes: [.routed, .unknown(self.closed)]),
                Finished(batch: 2, outcomes: [.unknown(self.closed), .unsent(self.closed)]),
            ]
        )
        #expect(machine.needsChannel)
        machine.channelOpened()
        #expect(self.send(&machine) == ["e"])
        #expect(try machine.acked(1, multiple: false) == [Finished(batch: 3, outcomes: [.routed])])
    }

    @Test("a channel that cannot be opened leaves all unsent")
    func channelRefused() {
        var machine = self.machine()
        _ = machine.submit(self.messages("a"), as: 1, limits: self.limits)
        #expect(machine.channelRefused(self.closed) == [Finished(batch: 1, outcomes: [.unsent(self.closed)])])
        #expect(!machine.needsChannel)
    }

    @Test("a lost connection leaves what was sent unknown and the rest unsent; what was confirmed stays so")
    func connectionEnded() throws {
        var machine = self.machine(window: 2)
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b", "c", "d"), as: 1, limits: self.limits)
        _ = self.send(&machine)
        _ = try machine.acked(1, multiple: false)
        _ = self.send(&machine)
        #expect(
            machine.connectionEnded(self.lost) == [
                Finished(
                    batch: 1,
                    outcomes: [.routed, .unknown(self.lost), .unknown(self.lost), .unsent(self.lost)]
                )
            ]
        )
    }

    @Test("an alarm ends every wait at once: what was sent is unknown, the rest unsent, and nothing more is sent")
    func alarm() throws {
        var machine = self.machine(window: 1)
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b"), as: 1, limits: self.limits)
        _ = machine.submit(self.messages("c"), as: 2, limits: self.limits)
        _ = self.send(&machine)
        let unsent = PublishOutcome.unsent(self.blocked)
        #expect(
            machine.connectionBlocked(self.blocked).sorted { $0.batch < $1.batch } == [
                Finished(batch: 1, outcomes: [.unknown(self.blocked), unsent]),
                Finished(batch: 2, outcomes: [unsent]),
            ]
        )
        let refused = machine.submit(self.messages("d"), as: 3, limits: self.limits)
        #expect(refused == [Finished(batch: 3, outcomes: [unsent])])
        #expect(!machine.needsChannel)
        #expect(self.send(&machine).isEmpty)
    }

    @Test("what was in flight when the alarm came is confirmed late, by its id; what was refused is not")
    func lateConfirms() throws {
        var machine = self.machine()
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b", "c", "d"), as: 1, limits: self.limits)
        _ = self.send(&machine)
        _ = try machine.acked(1, multiple: false)
        #expect(!machine.awaitsLate)
        _ = machine.connectionBlocked(self.blocked)
        #expect(machine.awaitsLate)
        machine.connectionUnblocked(at: self.start + .seconds(60))
        machine.returned(messageID: "c", code: .noRoute, text: "NO_ROUTE")
        #expect(try machine.acked(3, multiple: true).isEmpty)
        #expect(machine.awaitsLate)
        #expect(try machine.nacked(4, multiple: false).isEmpty)
        #expect(!machine.awaitsLate)
        #expect(machine.takeLateRouted() == ["b"])
        #expect(machine.takeLateRouted().isEmpty)
    }

    @Test("an alarm of any length keeps the connection and the count of tags; after it the broker owes its confirms")
    func longAlarm() throws {
        var machine = self.machine()
        machine.channelOpened()
        _ = machine.submit(self.messages("a"), as: 1, limits: self.limits)
        _ = self.send(&machine)
        _ = machine.connectionBlocked(self.blocked)
        #expect(machine.deadline == nil)

        machine.connectionUnblocked(at: self.start + .seconds(60))
        #expect(machine.deadline == self.start + .seconds(65))
        _ = machine.submit(self.messages("b"), as: 2, limits: self.limits)
        #expect(self.send(&machine, after: .seconds(60)) == ["b"])
        #expect(try machine.acked(2, multiple: true) == [Finished(batch: 2, outcomes: [.routed])])
        #expect(machine.takeLateRouted() == ["a"])
    }

    @Test("a channel that closes after an alarm takes the late confirms along")
    func channelClosedAfterAlarm() {
        var machine = self.machine()
        machine.channelOpened()
        _ = machine.submit(self.messages("a"), as: 1, limits: self.limits)
        _ = self.send(&machine)
        _ = machine.connectionBlocked(self.blocked)
        machine.connectionUnblocked(at: self.start)
        #expect(machine.channelClosed(self.closed).isEmpty)
        #expect(!machine.awaitsLate)
        #expect(machine.deadline == nil)
    }

    @Test("the message that waits longest sets the deadline")
    func deadline() throws {
        var machine = self.machine(window: 1)
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b"), as: 1, limits: self.limits)
        #expect(machine.deadline == nil)
        _ = self.send(&machine)
        #expect(machine.deadline == self.start + .seconds(5))
        _ = try machine.acked(1, multiple: false)
        _ = self.send(&machine, after: .seconds(3))
        #expect(machine.deadline == self.start + .seconds(8))
    }

    @Test("a cancelled batch finishes at once, and is confirmed late")
    func cancelled() throws {
        var machine = self.machine(window: 1)
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b"), as: 1, limits: self.limits)
        _ = machine.submit(self.messages("c"), as: 2, limits: self.limits)
        _ = self.send(&machine)
        let error = RabbitMQError(.cancelled, "cancelled")
        #expect(machine.cancelled(1, error) == [Finished(batch: 1, outcomes: [.unknown(error), .unsent(error)])])
        #expect(machine.cancelled(1, error).isEmpty)
        #expect(self.send(&machine).isEmpty)
        #expect(try machine.acked(1, multiple: false).isEmpty)
        #expect(machine.takeLateRouted() == ["a"])
        #expect(self.send(&machine) == ["c"])
    }

    @Test("a returned message is told from the routed ones of its batch")
    func returned() throws {
        var machine = self.machine()
        machine.channelOpened()
        _ = machine.submit(self.messages("a", "b"), as: 1, limits: self.limits)
        _ = self.send(&machine)
        machine.returned(messageID: "b", code: .noRoute, text: "NO_ROUTE")
        #expect(
            try machine.acked(2, multiple: true) == [
                Finished(batch: 1, outcomes: [.routed, .returned(code: .noRoute, text: "NO_ROUTE")])
            ]
        )
    }

    @Test("a confirm that does not fit ends the connection")
    func outOfStep() {
        var machine = self.machine()
        machine.channelOpened()
        let error = #expect(throws: RabbitMQError.self) { try machine.acked(1, multiple: true) }
        #expect(error?.code == .connectionLost)
    }
}
