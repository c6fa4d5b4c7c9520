import Synchronization

/// What the tasks and the connection's thread share: commands on the way in, the state of the connection on the way out.
final class Mailbox: Sendable {
    private struct State {
        var commands: [Command] = []
        var isClosed = false
        var blockedReason: String?
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())
    /// The open connection's.
    private let watchdog = Mutex<Watchdog?>(nil)
    private let wakeUp: WakeUp
    let lateConfirms = LateConfirms()
    /// Fulfilled when the connection is open, or could not be opened.
    let opened = Reply<Void>()
    /// Fulfilled when the connection has ended, with why.
    let ended = Promise<RabbitMQError>()

    init() throws(RabbitMQError) {
        self.wakeUp = try WakeUp()
    }

    /// For the thread's `poll`.
    var fileDescriptor: Int32 { self.wakeUp.fileDescriptor }

    var blockedReason: String? {
        get { self.state.withLock { $0.blockedReason } }
        set { self.state.withLock { $0.blockedReason = newValue } }
    }

    /// Whether the task that connects has let go before the connection was open: only a farewell can wait by then.
    var isAbandoned: Bool { self.state.withLock { !$0.commands.isEmpty } }

    /// A number that no other call on this connection has.
    func makeID() -> UInt64 {
        self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    /// Hands a command to the thread, or fails it if the connection has ended.
    func send(_ command: Command) {
        let (isClosed, isFirst) = self.state.withLock { state in
            if state.isClosed { return (true, false) }
            state.commands.append(command)
            return (false, state.commands.count == 1)
        }
        if isClosed {
            command.fail(self.ended.current ?? RabbitMQError(.closed, "the connection has ended"))
        } else if isFirst {
            self.wakeUp.signal()
        }
    }

    /// To be called when `poll` has found ``fileDescriptor`` readable, before ``take()``. For the thread only.
    func clearWakeUp() { self.wakeUp.clear() }

    /// Takes all waiting commands, in order. For the thread only.
    func take() -> [Command] {
        self.state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Lets tasks cut the connection. For the thread only.
    func guardWith(_ watchdog: Watchdog) {
        self.watchdog.withLock { $0 = watchdog }
    }

    /// Cuts the connection, whatever its thread is waiting for; does nothing before it is open and after its end.
    func cut() {
        self.watchdog.withLock { $0 }?.cut()
    }

    /// Ends the connection for all tasks. For the thread only, as its last act.
    func end(_ error: RabbitMQError) {
        self.ended.fulfil(error)
        let commands = self.state.withLock { state in
            state.isClosed = true
            state.blockedReason = nil
            defer { state.commands = [] }
            return state.commands
        }
        for command in commands { command.fail(error) }
        self.opened.fulfil(.failure(error))
    }
}
