import Glibc
import Synchronization

/// One proxied connection: a thread that moves bytes both ways, as the flows allow.
final class FaultProxyLink: Sendable {
    enum End { case close, reset }

    /// What a connection remembers of the bytes it passed on, for traps.
    struct History {
        /// Which trap it is for.
        var trapNumber = 0
        var count = 0
        /// What must come before the trap's bytes has passed.
        var isPrepared = false
        private var tail: [UInt8] = []

        init(trapNumber: Int = 0) {
            self.trapNumber = trapNumber
        }

        /// How often `wanted` is completed by `bytes`.
        mutating func occurrences(of wanted: [UInt8], in bytes: ArraySlice<UInt8>) -> Int {
            let text = self.tail + bytes
            self.tail = text.suffix(wanted.count - 1)
            guard text.count >= wanted.count else { return 0 }
            return (0...(text.count - wanted.count)).count { text[$0..<($0 + wanted.count)].elementsEqual(wanted) }
        }
    }

    /// One direction.
    struct Lane {
        private(set) var flow = FaultProxy.Flow.pass
        var isHeldByTrap = false
        var history = History()
        fileprivate var queue: [(bytes: ArraySlice<UInt8>, due: ContinuousClock.Instant)] = []
        /// Under a throttle, when the next bytes may be read.
        fileprivate var nextReading = ContinuousClock.now
        fileprivate var sourceHasEnded = false

        mutating func set(_ flow: FaultProxy.Flow) {
            self.flow = flow
            self.isHeldByTrap = false
        }

        fileprivate var isHeld: Bool { self.flow == .hold || self.isHeldByTrap }
        /// Bounded, so that a sender feels a receiver that does not read.
        fileprivate func mayRead(_ now: ContinuousClock.Instant) -> Bool {
            !self.isHeld && !self.sourceHasEnded && self.queue.count < 16 && self.nextReading <= now
        }
        fileprivate func maySend(_ now: ContinuousClock.Instant) -> Bool {
            !self.isHeld && self.queue.first.map { $0.due <= now } ?? false
        }
        /// When time alone makes a difference.
        fileprivate var nextEvent: ContinuousClock.Instant? {
            guard !self.isHeld else { return nil }
            return [self.queue.first?.due, self.sourceHasEnded ? nil : self.nextReading].compactMap(\.self)
                .filter { $0 > .now }.min()
        }
        fileprivate var isDrained: Bool { self.sourceHasEnded && self.queue.isEmpty }
    }

    struct State {
        fileprivate var toServer = Lane()
        fileprivate var toClient = Lane()
        /// The next bytes from the server are thrown away, and the connection is reset.
        fileprivate var losesReply = false
        var end: End?

        subscript(direction: FaultProxy.Direction) -> Lane {
            get { direction == .toServer ? self.toServer : self.toClient }
            set { if direction == .toServer { self.toServer = newValue } else { self.toClient = newValue } }
        }
    }

    typealias Inspection = (FaultProxy.Direction, ArraySlice<UInt8>, inout History) -> FaultProxy.Action?

    private let client: Int32
    private let server: Int32
    /// A pipe to end a poll with: read end, write end.
    private let wake: [Int32]
    private let state = Mutex(State())

    init(client: Int32, server: Int32) {
        self.client = client
        self.server = server
        var wake: [Int32] = [-1, -1]
        pipe(&wake)
        self.wake = wake
        for descriptor in [client, server] + wake {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        LoopbackSocket.setNoDelay(client)
        LoopbackSocket.setNoDelay(server)
    }

    deinit {
        for end in self.wake { close(end) }
    }

    /// Takes effect before it returns: bytes are moved under the same lock.
    func change(_ body: (inout State) -> Void) {
        self.state.withLock { body(&$0) }
        write(self.wake[1], [1], 1)
    }

    /// Moves bytes until the connection has ended; closes both sockets.
    func run(inspect: Inspection, onClientGone: () -> Void) {
        var signals = [UInt8](repeating: 0, count: 64)
        var clientIsGone = false
        func noteClientGone() {
            guard !clientIsGone else { return }
            clientIsGone = true
            onClientGone()
        }
        while true {
            var (sockets, timeout) = self.interest(watchingClient: !clientIsGone)
            _ = poll(&sockets, nfds_t(sockets.count), timeout)
            Glibc.read(self.wake[0], &signals, signals.count)
            if sockets[0].revents & Self.gone != 0 { noteClientGone() }
            let end = self.state.withLock { state -> End? in
                if let end = state.end { return end }
                for direction in FaultProxy.Direction.allCases {
                    self.read(direction, &state, inspect)
                    self.send(direction, &state)
                }
                if let end = state.end { return end }
                return FaultProxy.Direction.allCases.contains { state[$0].isDrained } ? .close : nil
            }
            if self.state.withLock({ $0.toServer.sourceHasEnded }) { noteClientGone() }
            guard let end else { continue }
            for socket in [self.client, self.server] {
                if end == .reset { LoopbackSocket.setLinger(socket) }
                close(socket)
            }
            return
        }
    }

    /// poll(2): the peer has ended its side. Glibc's header shows it to C programs with `_GNU_SOURCE` only.
    private static let peerEnded: Int16 = 0x2000
    private static let gone = FaultProxyLink.peerEnded | Int16(POLLHUP) | Int16(POLLERR)

    /// What to poll for, and for how many milliseconds at most.
    private func interest(watchingClient: Bool) -> ([pollfd], Int32) {
        self.state.withLock { state in
            let now = ContinuousClock.now
            func entry(_ socket: Int32, reads: Lane, writes: Lane, always: Int16) -> pollfd {
                var events = always
                if reads.mayRead(now) { events |= Int16(POLLIN) }
                if writes.maySend(now) { events |= Int16(POLLOUT) }
                // An uninteresting socket that has hung up would end each poll at once.
                return pollfd(fd: events == 0 ? -1 : socket, events: events, revents: 0)
            }
            let sockets = [
                entry(
                    self.client, reads: state.toServer, writes: state.toClient,
                    always: watchingClient ? Self.peerEnded : 0),
                entry(self.server, reads: state.toClient, writes: state.toServer, always: 0),
                pollfd(fd: self.wake[0], events: Int16(POLLIN), revents: 0),
            ]
            let next = [state.toServer.nextEvent, state.toClient.nextEvent].compactMap(\.self).min()
            guard let next else { return (sockets, -1) }
            return (sockets, Int32(max(1, (next - now) / .milliseconds(1))))
        }
    }

    private func read(_ direction: FaultProxy.Direction, _ state: inout State, _ inspect: Inspection) {
        let now = ContinuousClock.now
        guard state[direction].mayRead(now) else { return }
        var due = now
        var size = 65_536
        switch state[direction].flow {
        case .pass, .hold: break
        case .delay(let delay): due = now + delay
        case .throttle(let rate):
            // Ten portions a second.
            size = max(1, rate / 10)
            state[direction].nextReading = now + .milliseconds(100)
        }
        let source = direction == .toServer ? self.client : self.server
        var buffer = [UInt8](repeating: 0, count: size)
        let count = recv(source, &buffer, size, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            if count < 0 { state.end = .reset }
            state[direction].sourceHasEnded = true
            return
        }
        if direction == .toClient, state.losesReply {
            state.end = .reset
            return
        }
        let bytes = buffer[..<count]
        switch inspect(direction, bytes, &state[direction].history) {
        case nil: break
        case .reset: state.end = .reset
        case .loseReply: state.losesReply = true
        case .hold: state[direction].isHeldByTrap = true
        case .holdReply: state[direction == .toServer ? .toClient : .toServer].isHeldByTrap = true
        }
        state[direction].queue.append((bytes, due))
    }

    private func send(_ direction: FaultProxy.Direction, _ state: inout State) {
        let target = direction == .toServer ? self.server : self.client
        while state.end == nil, state[direction].maySend(.now), let bytes = state[direction].queue.first?.bytes {
            let count = bytes.withUnsafeBytes { Glibc.send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else {
                if errno != EAGAIN, errno != EINTR { state.end = .reset }
                return
            }
            if count == bytes.count {
                state[direction].queue.removeFirst()
            } else {
                state[direction].queue[0].bytes = bytes.dropFirst(count)
            }
        }
    }
}
