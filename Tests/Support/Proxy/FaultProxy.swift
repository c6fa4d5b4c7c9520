import Foundation
import Glibc
import Synchronization

/// A port of 127.0.0.1 that leads to a server, and breaks the way there on demand: refuses, delays, goes silent, cuts.
///
/// Connections are refused until ``open()``. Faults hold for the connections there are and for those to come.
package final class FaultProxy: Sendable {
    package enum Direction: Hashable, Sendable, CaseIterable {
        case toServer
        case toClient
    }

    /// What becomes of bytes on their way.
    package enum Flow: Hashable, Sendable {
        case pass
        /// A black hole: nothing arrives and nobody is told; what was sent waits for ``pass``.
        case hold
        /// Everything arrives, later by so much.
        case delay(Duration)
        case throttle(bytesPerSecond: Int)
    }

    /// What an armed trap does when it is sprung, on the connection that sprang it.
    package enum Action: Hashable, Sendable {
        /// Resets the connection before the bytes are passed on.
        case reset
        /// Passes the bytes on, and resets the connection when the answer comes, which is thrown away.
        case loseReply
        /// Holds this direction from here on, these bytes included.
        case hold
        /// Passes the bytes on, and holds what comes back.
        case holdReply
    }

    struct Trap: Sendable {
        enum Trigger: Sendable {
            case bytes([UInt8], after: [UInt8], skipping: Int)
            case count(Int)
        }

        let direction: Direction
        var trigger: Trigger
        let action: Action
    }

    private struct State {
        var listener: Int32?
        var flows: [Direction: Flow] = [:]
        var trap: Trap?
        /// How many traps there have been.
        var trapNumber = 0
        var links: [ObjectIdentifier: FaultProxyLink] = [:]
    }

    package let port: Int
    private let host: String
    private let target: Int
    /// Bound and never listening: keeps the port while connections are refused.
    private let reservation: Int32
    private let state = Mutex(State())
    private let sprung = Atomic(0)
    private let clientsGone = Atomic(0)

    fileprivate init(to target: Int, on host: String) throws {
        self.host = host
        self.target = target
        self.reservation = try LoopbackSocket.bound(to: host, port: 0)
        self.port = LoopbackSocket.port(of: self.reservation)
    }

    /// Accepts connections from now on.
    package func open() {
        self.state.withLock { state in
            guard state.listener == nil, let listener = try? LoopbackSocket.bound(to: self.host, port: self.port)
            else { return }
            listen(listener, 128)
            state.listener = listener
            // A thread of its own for a blocking call; it ends when the listener is shut down.
            Thread.detachNewThread {
                while case let client = accept(listener, nil, nil), client >= 0 { self.link(client) }
                Glibc.close(listener)
            }
        }
    }

    /// Refuses connections from now on; those that are open stay.
    package func refuse() {
        self.state.withLock { state in
            if let listener = state.listener.take() { shutdown(listener, Int32(SHUT_RDWR)) }
        }
    }

    /// Changes what becomes of bytes. When it returns, nothing more is passed on under the old rule. Lifts what a trap holds.
    package func set(_ flow: Flow, _ directions: Direction...) {
        let links = self.state.withLock { state in
            for direction in directions { state.flows[direction] = flow }
            return Array(state.links.values)
        }
        for link in links {
            link.change { for direction in directions { $0[direction].set(flow) } }
        }
    }

    /// Black-holes both directions.
    package func hold() { self.set(.hold, .toServer, .toClient) }

    /// Passes both directions on, at once and as they come, and disarms.
    package func heal() {
        self.disarm()
        self.set(.pass, .toServer, .toClient)
    }

    /// Ends every open connection as a host does that crashed and came back: with a reset.
    package func reset() {
        for link in self.links { link.change { $0.end = .reset } }
    }

    /// Ends every open connection in an orderly way.
    package func cut() {
        for link in self.links { link.change { $0.end = .close } }
    }

    /// Springs once, when these bytes have passed `skipping` times before on any connections, across what is read at once.
    package func arm(_ direction: Direction, on bytes: String, skipping: Int = 0, _ action: Action) {
        self.arm(direction, on: Array(bytes.utf8), skipping: skipping, action)
    }

    /// `prelude`: what must have passed on the same connection before each, in what was read earlier.
    package func arm(
        _ direction: Direction,
        on bytes: [UInt8],
        after prelude: [UInt8] = [],
        skipping: Int = 0,
        _ action: Action
    ) {
        self.arm(direction, .bytes(bytes, after: prelude, skipping: skipping), action)
    }

    /// Springs once, when so many more bytes have passed on one connection.
    package func arm(_ direction: Direction, afterBytes count: Int, _ action: Action) {
        self.arm(direction, .count(count), action)
    }

    private func arm(_ direction: Direction, _ trigger: Trap.Trigger, _ action: Action) {
        self.state.withLock { state in
            state.trap = Trap(direction: direction, trigger: trigger, action: action)
            state.trapNumber += 1
        }
    }

    package func disarm() {
        self.state.withLock { $0.trap = nil }
    }

    /// How often a trap was sprung.
    package var timesSprung: Int { self.sprung.load(ordering: .acquiring) }

    /// Whether a trap was sprung.
    package var hasFired: Bool { self.timesSprung > 0 }

    /// How many clients have ended their connection.
    package var clientsGoneCount: Int { self.clientsGone.load(ordering: .acquiring) }

    package var connectionCount: Int { self.links.count }

    private var links: [FaultProxyLink] { self.state.withLock { Array($0.links.values) } }

    private func link(_ client: Int32) {
        guard let server = LoopbackSocket.connected(to: self.target) else {
            LoopbackSocket.setLinger(client)
            Glibc.close(client)
            return
        }
        let link = FaultProxyLink(client: client, server: server)
        self.state.withLock { state in
            link.change { for (direction, flow) in state.flows { $0[direction].set(flow) } }
            state.links[ObjectIdentifier(link)] = link
        }
        Thread.detachNewThread {
            link.run(
                inspect: { direction, bytes, inspector in self.inspect(direction, bytes, &inspector) },
                onClientGone: { self.clientsGone.add(1, ordering: .releasing) }
            )
            self.state.withLock { _ = $0.links.removeValue(forKey: ObjectIdentifier(link)) }
        }
    }

    /// What to do about bytes on their way; `history` is what the connection remembers for it.
    private func inspect(
        _ direction: Direction,
        _ bytes: ArraySlice<UInt8>,
        _ history: inout FaultProxyLink.History
    ) -> Action? {
        self.state.withLock { state in
            guard let trap = state.trap, trap.direction == direction else { return nil }
            if history.trapNumber != state.trapNumber { history = .init(trapNumber: state.trapNumber) }
            switch trap.trigger {
            case .count(let limit):
                history.count += bytes.count
                guard history.count >= limit else { return nil }
            case .bytes(let wanted, let prelude, let skipping):
                guard prelude.isEmpty || history.isPrepared else {
                    history.isPrepared = history.occurrences(of: prelude, in: bytes) > 0
                    return nil
                }
                let found = history.occurrences(of: wanted, in: bytes)
                guard found > 0 else { return nil }
                history.isPrepared = false
                guard found > skipping else {
                    state.trap?.trigger = .bytes(wanted, after: prelude, skipping: skipping - found)
                    return nil
                }
            }
            state.trap = nil
            self.sprung.add(1, ordering: .releasing)
            return trap.action
        }
    }

    fileprivate func close() {
        self.refuse()
        self.cut()
        Glibc.close(self.reservation)
    }
}

/// Lends a port that leads to `port` of 127.0.0.1 once it is opened; ends every connection afterwards.
package func withFaultProxy<Result>(
    to port: Int,
    on host: String = "127.0.0.1",
    _ body: (FaultProxy) async throws -> Result
) async throws -> Result {
    let proxy = try FaultProxy(to: port, on: host)
    defer { proxy.close() }
    return try await body(proxy)
}
