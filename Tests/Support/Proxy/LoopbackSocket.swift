import Glibc

/// TCP sockets of the loopback interface, by file descriptor.
enum LoopbackSocket {
    /// A socket bound to a port, free if 0, that others bound here may share: only a listening one gets connections.
    static func bound(to host: String, port: Int) throws -> Int32 {
        let descriptor = self.new()
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, socklen_t(MemoryLayout<Int32>.size))
        let code = self.address(host, port: port).withSockaddr { bind(descriptor, $0, $1) }
        guard descriptor >= 0, code == 0 else {
            throw TestError("no free port: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    static func connected(to port: Int) -> Int32? {
        let descriptor = self.new()
        guard self.address("127.0.0.1", port: port).withSockaddr({ connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    static func port(of descriptor: Int32) -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// A port that nobody has now.
    static func freePort() throws -> Int {
        let descriptor = try self.bound(to: "127.0.0.1", port: 0)
        defer { close(descriptor) }
        return self.port(of: descriptor)
    }

    /// Small messages are not held back to be sent together: the proxy adds no delay of its own.
    static func setNoDelay(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Closing will reset the connection.
    static func setLinger(_ descriptor: Int32) {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }

    private static func new() -> Int32 {
        socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    static func address(_ host: String, port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }
}

extension sockaddr_in {
    /// Calls `body` with the address as the socket functions take it.
    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: self) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
