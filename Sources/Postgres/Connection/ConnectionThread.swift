import Dispatch
import Glibc
import Synchronization

/// The executor of one connection: a thread that runs its actor's jobs in order, and may block without harm to others.
final class ConnectionThread: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)
    private let identity = Atomic<UInt>(0)

    /// Starts the thread, which lives until `stop`.
    init() throws(PostgresError) {
        try startThread { self.run() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.state.withLock { $0.jobs.append(job) }
        self.available.signal()
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    func checkIsolated() {
        precondition(self.isCurrentThread, "not on the connection's thread")
    }

    func isIsolatingCurrentContext() -> Bool? {
        self.isCurrentThread
    }

    /// Ends the thread after the jobs already there; its actor calls this last, so no job comes later.
    func stop() {
        self.state.withLock { $0.isStopped = true }
        self.available.signal()
    }

    private var isCurrentThread: Bool {
        self.identity.load(ordering: .relaxed) == UInt(pthread_self())
    }

    private func run() {
        self.identity.store(UInt(pthread_self()), ordering: .relaxed)
        while true {
            self.available.wait()
            let (jobs, isStopped) = self.state.withLock { state in
                defer { state.jobs.removeAll(keepingCapacity: true) }
                return (state.jobs, state.isStopped)
            }
            for job in jobs {
                unsafe job.runSynchronously(on: self.asUnownedSerialExecutor())
            }
            if isStopped { return }
        }
    }
}
