import Synchronization

/// Confirms of messages whose publisher no longer waits, on their way from the connection's thread to whoever asks.
final class LateConfirms: Sendable {
    private struct State {
        var isAwaiting = false
        var routed: [String] = []
    }

    /// Far more than a window: a program that never asks does not pay for it with its memory.
    private static let limit = 10_000

    private let state = Mutex(State())

    var isPresent: Bool { self.state.withLock { $0.isAwaiting || !$0.routed.isEmpty } }

    func take() -> [String] {
        self.state.withLock { state in
            defer { state.routed = [] }
            return state.routed
        }
    }

    /// For the thread only.
    func update(isAwaiting: Bool, routed: [String]) {
        self.state.withLock { state in
            state.isAwaiting = isAwaiting
            if !routed.isEmpty { state.routed = (state.routed + routed).suffix(Self.limit) }
        }
    }
}
