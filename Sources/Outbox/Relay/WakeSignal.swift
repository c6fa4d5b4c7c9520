import Synchronization

/// Ends a wait early. Wakes do not add up: one that comes while nobody waits ends the next wait at once.
package final class WakeSignal: Sendable {
    private enum State {
        case quiet
        case woken
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.quiet)

    package init() {}

    package func wake() {
        let waiter: CheckedContinuation<Void, Never>? = self.state.withLock { state in
            guard case .waiting(let continuation) = state else {
                state = .woken
                return nil
            }
            state = .quiet
            return continuation
        }
        waiter?.resume()
    }

    /// Returns after `timeout`, on a wake or on cancellation, whichever is first. One caller at a time.
    package func wait(upTo timeout: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Cancelled when the wait is over; then there is nobody to wake.
                guard (try? await Task.sleep(for: timeout)) != nil else { return }
                self.wake()
            }
            await self.wait()
            group.cancelAll()
        }
    }

    /// Returns on a wake or on cancellation. One caller at a time.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    switch state {
                    case .quiet where !Task.isCancelled:
                        state = .waiting(continuation)
                        return false
                    case .quiet, .woken:
                        state = .quiet
                        return true
                    case .waiting:
                        preconditionFailure("a second caller waits")
                    }
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.wake()
        }
    }
}
