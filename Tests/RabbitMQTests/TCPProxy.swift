import Foundation
import Glibc
import Support
import Synchronization

/// Stands between the client and the broker, to freeze or cut one connection. Runs on a thread of its own.
final class TCPProxy: Sendable {
    enum Mode { case forwarding, frozen, cut }

    private struct State {
        var mode = Mode.forwarding
        var isClientGone = false
    }

    let port: UInt16
    private let state = Mutex(State())

    /// - Parameters:
    ///   - target: The broker's port on 127.0.0.1.
    ///   - host: The loopback address to listen on.
    /// - Throws: When the system gives no port.
    init(to target: UInt16, on host: String = "127.0.0.1") throws {
        let listener = try Listener(on: host)
        self.port = listener.port
        Thread.detachNewThread { self.serve(listener, target) }
    }

    var mode: Mode {
        get { self.state.withLock { $0.mode } }
        set { self.state.withLock { $0.mode = newValue } }
    }

    /// Whether the client has closed its side.
    var isClientGone: Bool { self.state.withLock { $0.isClientGone } }

    private func serve(_ listener: Listener, _ target: UInt16) {
        let client = accept(listener.fileDescriptor, nil, nil)
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            close(client)
            close(server)
        }
        guard Loopback.connect(server, port: target) else { return }
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            switch self.mode {
            case .cut: return
            case .frozen: usleep(5000)
            case .forwarding:
                var sources = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                guard poll(&sources, 2, 5) > 0 else { continue }
                for (source, target) in [(0, server), (1, client)] where sources[source].revents != 0 {
                    let count = recv(sources[source].fd, &buffer, buffer.count, 0)
                    guard count > 0 else { return self.state.withLock { $0.isClientGone = source == 0 } }
                    // Blocks while the target does not read; both sides are ours or the broker's.
                    _ = send(target, buffer, count, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }
}

/// A listening socket on a free port of the loopback interface. Clients can connect; nobody answers unless accepted.
final class Listener: Sendable {
    let fileDescriptor: Int32
    let port: UInt16

    init(on host: String = "127.0.0.1") throws {
        let fileDescriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.fileDescriptor = fileDescriptor
        var address = Loopback.address(host, port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(fileDescriptor, address, length) == 0 && listen(fileDescriptor, 4) == 0
                    && getsockname(fileDescriptor, address, &length) == 0
            }
        }
        guard isListening else { throw TestError("cannot listen, errno \(errno)") }
        self.port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(self.fileDescriptor) }
}

enum Loopback {
    static func address(_ host: String, port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }

    static func connect(_ fileDescriptor: Int32, port: UInt16) -> Bool {
        var address = Self.address("127.0.0.1", port: port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(fileDescriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
