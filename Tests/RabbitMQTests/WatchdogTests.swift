import Glibc
import Support
import Testing

@testable import RabbitMQ

@Suite("The watchdog over library calls")
struct WatchdogTests {
    /// Two connected sockets.
    private func makeSockets() throws -> [Int32] {
        var sockets: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &sockets) == 0)
        return sockets
    }

    /// Whether the other end has been shut down or closed.
    private func isEnded(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_DONTWAIT)) == 0
    }

    @Test("a call that takes too long is ended")
    func tooLong() async throws {
        let sockets = try self.makeSockets()
        defer { sockets.forEach { close($0) } }
        let watchdog = Watchdog(fileDescriptor: sockets[0], limit: .milliseconds(50))
        watchdog.arm()
        try await eventually("the socket is shut down") { self.isEnded(sockets[1]) }
        watchdog.end()
    }

    @Test("calls that come back are left alone")
    func inTime() async throws {
        let sockets = try self.makeSockets()
        defer { sockets.forEach { close($0) } }
        let watchdog = Watchdog(fileDescriptor: sockets[0], limit: .seconds(1))
        for _ in 0..<20 {
            watchdog.arm()
            try await Task.sleep(for: .milliseconds(75))
            watchdog.disarm()
        }
        #expect(!self.isEnded(sockets[1]))
        watchdog.end()
    }

    @Test("its copy of the socket does not outlive the connection")
    func end() async throws {
        let sockets = try self.makeSockets()
        defer { close(sockets[1]) }
        let watchdog = Watchdog(fileDescriptor: sockets[0], limit: .seconds(60))
        watchdog.arm()
        close(sockets[0])
        #expect(!self.isEnded(sockets[1]))
        watchdog.end()
        #expect(self.isEnded(sockets[1]))
    }
}
