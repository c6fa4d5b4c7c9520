import Synchronization

/// Windows of several lanes may be in flight together; what is sent to prove a connection, or to find a culprit, goes alone. First come,
/// first served.
final class PublishTurns: Sendable {
    enum Kind { case together, alone }

    private struct Waiter {
        let number: Int
        let kind: Kind
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var together = 0
        var isAlone = false
        var waiting: [Waiter] = []
        var waiters = 0

        /// Takes a turn if it is free now.
        mutating func take(_ kind: Kind) -> Bool {
            switch kind {
            case .together where !self.isAlone: self.together += 1
            case .alone where !self.isAlone && self.together == 0: self.isAlone = true
            default: return false
            }
            return true
        }

        /// Those who have their turn now.
        mutating func admit() -> [Waiter] {
            var admitted: [Waiter] = []
            while let first = self.waiting.first, self.take(first.kind) {
                admitted.append(self.waiting.removeFirst())
            }
            return admitted
        }
    }

    private let state = Mutex(State())

    /// Runs `body` in its turn; nil if that does not come before `deadline`, or before the task is cancelled.
    @discardableResult
    func take<R>(_ kind: Kind, until deadline: ContinuousClock.Instant, _ body: () async -> R) async -> R? {
        guard await self.enter(kind, until: deadline) else { return nil }
        defer { self.leave(kind) }
        return await body()
    }

    private func enter(_ kind: Kind, until deadline: ContinuousClock.Instant) async -> Bool {
        let isFree = self.state.withLock { state in state.waiting.isEmpty && state.take(kind) }
        if isFree { return true }
        return await withTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            return await withCheckedContinuation { continuation in
                let number = self.wait(for: kind, continuation)
                group.addTask {
                    // Cancelled when the turn has come, or with the caller.
                    try? await Task.sleep(until: deadline, clock: .continuous)
                    self.giveUp(number)
                }
            }
        }
    }

    private func wait(for kind: Kind, _ continuation: CheckedContinuation<Bool, Never>) -> Int {
        let (number, admitted) = self.state.withLock { state in
            state.waiters += 1
            state.waiting.append(Waiter(number: state.waiters, kind: kind, continuation: continuation))
            return (state.waiters, state.admit())
        }
        for waiter in admitted { waiter.continuation.resume(returning: true) }
        return number
    }

    private func giveUp(_ number: Int) {
        let (waiter, admitted) = self.state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.number == number }) else {
                return (Waiter?.none, [Waiter]())
            }
            // It may have been what those behind it waited for.
            return (state.waiting.remove(at: index), state.admit())
        }
        waiter?.continuation.resume(returning: false)
        for waiter in admitted { waiter.continuation.resume(returning: true) }
    }

    private func leave(_ kind: Kind) {
        let admitted = self.state.withLock { state in
            switch kind {
            case .together: state.together -= 1
            case .alone: state.isAlone = false
            }
            return state.admit()
        }
        for waiter in admitted { waiter.continuation.resume(returning: true) }
    }
}
