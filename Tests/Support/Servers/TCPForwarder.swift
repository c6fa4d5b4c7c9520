import Dispatch
import Glibc
import Synchronization

/// A port of 127.0.0.1 that refuses connections until it is opened, and then leads to a server: a server that comes late.
package final class TCPForwarder: Sendable {
    package let port: Int
    private let target: Int
    private let listener: Int32
    private let links = Mutex<Set<Int32>>([])

    /// Takes a free port, closed.
    fileprivate init(to target: Int) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) + getsockname(listener, address, &length)
            }
        }
        guard listener >= 0, code == 0 else {
            throw TestError("no free port: \(String(cString: strerror(errno)))")
        }
        self.target = target
        self.listener = listener
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// From now on whoever connects reaches the server.
    package func open() {
        listen(self.listener, 128)
        // Blocking calls, so threads of their own; they end when `close` shuts their sockets down.
        DispatchQueue(label: "TCPForwarder.accept").async {
            while case let client = accept(self.listener, nil, nil), client >= 0 {
                self.link(client)
            }
        }
    }

    private func link(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard sockaddr_in.loopback(port: self.target).withSockaddr({ connect(server, $0, $1) }) == 0 else {
            Glibc.close(client)
            Glibc.close(server)
            return
        }
        self.links.withLock { $0.formUnion([client, server]) }
        let pumps = DispatchGroup()
        for (source, destination) in [(client, server), (server, client)] {
            DispatchQueue(label: "TCPForwarder.pump").async(group: pumps) {
                Self.pump(from: source, to: destination)
            }
        }
        pumps.notify(queue: DispatchQueue(label: "TCPForwarder.end")) {
            self.links.withLock { links in
                for socket in [client, server] where links.remove(socket) != nil {
                    Glibc.close(socket)
                }
            }
        }
    }

    /// Copies until either side ends, and ends both.
    private static func pump(from source: Int32, to destination: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(source, &buffer, buffer.count, 0), count > 0 {
            var sent = 0
            while sent < count {
                let part = buffer[sent..<count].withUnsafeBytes {
                    send(destination, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard part > 0 else { break }
                sent += part
            }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(destination, Int32(SHUT_RDWR))
    }

    fileprivate func close() {
        shutdown(self.listener, Int32(SHUT_RDWR))
        Glibc.close(self.listener)
        self.links.withLock { links in
            for socket in links {
                shutdown(socket, Int32(SHUT_RDWR))
            }
        }
    }
}

/// Lends a port that leads to another one of 127.0.0.1 as soon as it is opened.
package func withForwarder<Result>(
    to port: Int,
    _ body: (TCPForwarder) async throws -> Result
) async throws -> Result {
    let forwarder = try TCPForwarder(to: port)
    defer { forwarder.close() }
    return try await body(forwarder)
}

extension sockaddr_in {
    /// An address of 127.0.0.1.
    static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        return address
    }

    /// Calls `body` with the address as the socket functions take it.
    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: self) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
