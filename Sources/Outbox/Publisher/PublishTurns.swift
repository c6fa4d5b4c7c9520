import Synchronization

/// Windows of several lanes may be in flight together; what is sent to prove a connection, or to find a culprit, goes alone. First come,
/// first served.
final class PublishTurns: Sendable {
    enum Kind { case together, alone }

    private struct State {
        var together = 0
        var isAlone = false
        var waiting: [(kind: Kind, continuation: CheckedContinuation<Void, Never>)] = []

        /// Takes a turn if it is free now.
        mutating func take(_ kind: Kind) -> Bool {
            switch kind {
            case .together where !self.isAlone: self.together += 1
            case .alone where !self.isAlone && self.together == 0: self.isAlone = true
            default: return false
            }
            return true
        }
    }

    private let state = Mutex(State())

    /// Runs `body` in its turn. Those before it end in bounded time, and at once when they are cancelled.
    func take<R>(_ kind: Kind, _ body: () async -> R) async -> R {
        await self.enter(kind)
        defer { self.leave(kind) }
        return await body()
    }

    private func enter(_ kind: Kind) async {
        await withCheckedContinuation { continuation in
            let isFree = self.state.withLock { state in
                if state.waiting.isEmpty, state.take(kind) { return true }
                state.waiting.append((kind, continuation))
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave(_ kind: Kind) {
        let next = self.state.withLock { state in
            switch kind {
            case .together: state.together -= 1
            case .alone: state.isAlone = false
            }
            var next: [CheckedContinuation<Void, Never>] = []
            while let first = state.waiting.first, state.take(first.kind) {
                next.append(first.continuation)
                state.waiting.removeFirst()
            }
            return next
        }
        for continuation in next { continuation.resume() }
    }
}
