import Testing

@testable import Postgres

@Suite("Decisions of the pool")
struct PoolStateTests {
    private struct Connection: Identifiable, Equatable {
        let id: Int
    }

    private typealias State = PoolState<Connection, String>

    /// A pool that runs, with its first attempt to connect under way.
    private func running(size: Int) -> State {
        var state = State(size: size)
        #expect(state.start().opens == 1)
        return state
    }

    /// The same with connection 0 parked.
    private func connected(size: Int) -> State {
        var state = self.running(size: size)
        #expect(state.opened(Connection(id: 0)).answers.isEmpty)
        return state
    }

    /// Who got what, as text.
    private func answers(_ effects: State.Effects) -> [String] {
        effects.answers.map { waiter, answer in
            switch answer {
            case .granted(let connection): "\(waiter) gets \(connection.id)"
            case .refused(let refusal): "\(waiter) \(refusal)"
            }
        }
    }

    @Test("one connection is opened at the start, and one for each waiter as far as there is room")
    func opens() {
        var state = self.running(size: 3)
        #expect(state.enqueue(1, "a", isCancelled: false).opens == 0)
        #expect(state.enqueue(2, "b", isCancelled: false).opens == 1)
        #expect(state.enqueue(3, "c", isCancelled: false).opens == 1)
        #expect(state.enqueue(4, "d", isCancelled: false).opens == 0)
        #expect(state.opening == 3)
    }

    @Test("waiters are served in the order they came")
    func order() {
        var state = self.connected(size: 1)
        let connection = state.take()
        #expect(connection == Connection(id: 0))
        #expect(state.take() == nil)
        _ = state.enqueue(1, "a", isCancelled: false)
        _ = state.enqueue(2, "b", isCancelled: false)
        #expect(self.answers(state.release(Connection(id: 0), isUsable: true)) == ["a gets 0"])
        #expect(self.answers(state.release(Connection(id: 0), isUsable: true)) == ["b gets 0"])
        #expect(self.answers(state.release(Connection(id: 0), isUsable: true)) == [])
        #expect(state.parked == [Connection(id: 0)])
    }

    @Test("a waiter that withdraws is answered once, and those behind it move up")
    func withdraw() {
        var state = self.connected(size: 1)
        _ = state.take()
        _ = state.enqueue(1, "a", isCancelled: false)
        _ = state.enqueue(2, "b", isCancelled: false)
        #expect(self.answers(state.withdraw(1, .timedOut)) == ["a timedOut"])
        #expect(self.answers(state.withdraw(1, .cancelled)) == [])
        #expect(self.answers(state.release(Connection(id: 0), isUsable: true)) == ["b gets 0"])
    }

    @Test("a waiter cancelled before it came is refused and does not stand in line")
    func cancelledBefore() {
        var state = self.running(size: 1)
        #expect(self.answers(state.enqueue(1, "a", isCancelled: true)) == ["a cancelled"])
        #expect(state.waiterCount == 0)
    }

    @Test("a broken connection is let go and replaced")
    func broken() {
        var state = self.connected(size: 2)
        _ = state.take()
        let effects = state.release(Connection(id: 0), isUsable: false)
        #expect(effects.dropped == [Connection(id: 0)])
        #expect(effects.opens == 1)
        #expect(state.connectionCount == 0)
    }

    @Test("a parked connection found dead is replaced; a lent one is left to its holder")
    func dead() {
        var state = self.connected(size: 1)
        _ = state.take()
        #expect(state.remove(0).dropped.isEmpty)
        _ = state.release(Connection(id: 0), isUsable: true)
        let effects = state.remove(0)
        #expect(effects.dropped == [Connection(id: 0)])
        #expect(effects.opens == 1)
    }

    @Test("without a server all waiters are refused at once, new ones too, and one prober goes on")
    func away() {
        var state = self.running(size: 2)
        _ = state.enqueue(1, "a", isCancelled: false)
        _ = state.enqueue(2, "b", isCancelled: false)
        #expect(state.opening == 2)
        let (effects, next) = state.openFailed(isProber: false, random: 1)
        #expect(self.answers(effects) == ["a serverAway", "b serverAway"])
        guard case .tryAgain = next else {
            Issue.record("the first to fail is the prober")
            return
        }
        guard case .giveUp = state.openFailed(isProber: false, random: 1).1 else {
            Issue.record("one prober is enough")
            return
        }
        #expect(state.opening == 1)
        #expect(self.answers(state.enqueue(3, "c", isCancelled: false)) == ["c serverAway"])
        guard case .tryAgain(let delay) = state.openFailed(isProber: true, random: 1).1 else {
            Issue.record("the prober does not give up")
            return
        }
        #expect(delay == state.backoff.delay(failures: 3, random: 1))
        // Back again: leases wait, and the pool grows.
        _ = state.opened(Connection(id: 0))
        #expect(state.take() == Connection(id: 0))
        #expect(state.enqueue(4, "d", isCancelled: false).opens == 1)
    }

    @Test("while a connection lives, waiters go on waiting for it although another cannot be opened")
    func partlyAway() {
        var state = self.connected(size: 2)
        _ = state.take()
        #expect(state.enqueue(1, "a", isCancelled: false).opens == 1)
        #expect(self.answers(state.openFailed(isProber: false, random: 0).0) == [])
        #expect(self.answers(state.release(Connection(id: 0), isUsable: true)) == ["a gets 0"])
    }

    @Test("before it runs, waiters wait")
    func notStarted() {
        var state = State(size: 1)
        #expect(state.enqueue(1, "a", isCancelled: false).opens == 0)
        #expect(state.waiterCount == 1)
        #expect(state.start().opens == 1)
        #expect(self.answers(state.opened(Connection(id: 0))) == ["a gets 0"])
    }

    @Test("draining refuses newcomers and waiters, and ends with the last lease")
    func drain() {
        var state = self.connected(size: 2)
        let leased = state.take()
        _ = state.enqueue(1, "a", isCancelled: false)
        _ = state.opened(Connection(id: 1))
        _ = state.release(Connection(id: 1), isUsable: true)
        let effects = state.drain()
        #expect(effects.dropped == [Connection(id: 1)])
        #expect(!effects.isFinished)
        #expect(self.answers(state.enqueue(9, "late", isCancelled: false)) == ["late closing"])
        #expect(state.take() == nil)
        #expect(leased.map { state.release($0, isUsable: true).isFinished } == true)
    }

    @Test("a connection that comes up after the end is let go")
    func openedTooLate() {
        var state = self.running(size: 1)
        #expect(state.drain().isFinished)
        _ = state.close()
        #expect(state.opened(Connection(id: 0)).dropped == [Connection(id: 0)])
        guard case .giveUp = state.openFailed(isProber: true, random: 0).1 else {
            Issue.record("nobody tries again after the end")
            return
        }
    }
}
