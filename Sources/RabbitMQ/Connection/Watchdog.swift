import Dispatch
import Glibc
import Synchronization

/// Ends library calls that do not come back.
///
/// rabbitmq-c waits without bound for a socket to become writable. Shutting the socket down from another thread makes
/// the stuck call fail. The library may close its own file descriptor at any time, so a duplicate is used here.
/// At most one timer is pending, and none while the connection is idle.
final class Watchdog: Sendable {
    private struct State {
        /// Absent once the connection has ended.
        var fileDescriptor: Int32?
        /// Present while the thread is inside the library.
        var deadline: ContinuousClock.Instant?
        var isTimerPending = false
    }

    private let limit: Duration
    private let state: Mutex<State>

    /// - Parameters:
    ///   - fileDescriptor: The connected socket; duplicated.
    ///   - limit: The longest time between ``arm()`` and ``disarm()``.
    init(fileDescriptor: Int32, limit: Duration) {
        self.limit = limit
        self.state = Mutex(State(fileDescriptor: fcntl(fileDescriptor, F_DUPFD_CLOEXEC, 0)))
    }

    deinit { self.end() }

    /// Starts the time anew.
    func arm() {
        let needsTimer = self.state.withLock { state in
            state.deadline = .now + self.limit
            defer { state.isTimerPending = true }
            return !state.isTimerPending
        }
        if needsTimer { self.startTimer(after: self.limit) }
    }

    func disarm() {
        self.state.withLock { $0.deadline = nil }
    }

    /// Shuts the socket down now: whatever the thread is doing with it fails.
    func cut() {
        self.state.withLock { state in
            if let fileDescriptor = state.fileDescriptor { shutdown(fileDescriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Closes the duplicate; without this the peer would never see the connection end.
    func end() {
        self.state.withLock { state in
            if let fileDescriptor = state.fileDescriptor { close(fileDescriptor) }
            state = State()
        }
    }

    private func startTimer(after delay: Duration) {
        let nanoseconds = delay.nanoseconds
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { self.timerFired() }
    }

    private func timerFired() {
        let rest: Duration? = self.state.withLock { state in
            guard let deadline = state.deadline, let fileDescriptor = state.fileDescriptor else {
                state.isTimerPending = false
                return nil
            }
            let rest = ContinuousClock.now.duration(to: deadline)
            if rest > .zero { return rest }
            state.isTimerPending = false
            shutdown(fileDescriptor, Int32(SHUT_RDWR))
            return nil
        }
        if let rest { self.startTimer(after: rest) }
    }
}

extension Duration {
    /// Whole nanoseconds; saturates at 292 years.
    var nanoseconds: Int { self.count(of: .nanoseconds(1)) }
    /// Whole milliseconds, rounded up.
    var milliseconds: Int { (self + .nanoseconds(999_999)).count(of: .milliseconds(1)) }
    /// Whole seconds, rounded up.
    var seconds: Int { (self + .nanoseconds(999_999_999)).count(of: .seconds(1)) }

    private func count(of unit: Duration) -> Int { Int(exactly: (self / unit).rounded(.down)) ?? .max }
}
