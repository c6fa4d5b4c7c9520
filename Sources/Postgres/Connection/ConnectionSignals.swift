import Synchronization

/// What other threads may ask and tell a connection while its own thread is busy or waiting.
final class ConnectionSignals: Sendable {
    let wake: WakeDescriptor
    private let open = Atomic(false)
    private let aborted = Atomic(false)

    init() throws(PostgresError) {
        self.wake = try WakeDescriptor()
    }

    var isOpen: Bool {
        get { self.open.load(ordering: .acquiring) }
        set { self.open.store(newValue, ordering: .releasing) }
    }

    var isAborted: Bool { self.aborted.load(ordering: .acquiring) }

    /// Ends what the connection is waiting for at once, and the connection with it.
    func abort() {
        self.aborted.store(true, ordering: .releasing)
        self.wake.signal()
    }
}

/// One call's wish to be cancelled: raised at most once, and never seen by the call after it.
final class CancellationFlag: Sendable {
    private let raised = Atomic(false)
    private let wake: WakeDescriptor

    init(wake: WakeDescriptor) {
        self.wake = wake
    }

    var isRaised: Bool { self.raised.load(ordering: .acquiring) }

    func raise() {
        self.raised.store(true, ordering: .releasing)
        self.wake.signal()
    }
}
