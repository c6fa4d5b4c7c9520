import Dispatch
import Foundation
import Glibc
import Synchronization

/// One connection to a server on 127.0.0.1. Blocks a thread of its own, never one of the cooperative pool.
package final class HTTPConnection: Sendable {
    private let descriptor: Int32
    private let headers: [String: String]
    private let queue = DispatchQueue(label: "HTTPConnection")
    /// Bytes that came after the last answer.
    private let rest = Mutex<[UInt8]>([])

    /// How long one send or receive may take: longer than any limit of the server under test, or than a browser
    /// takes to start.
    private static let timeoutSeconds = 60

    private init(descriptor: Int32, headers: [String: String]) {
        self.descriptor = descriptor
        self.headers = headers
    }

    static func open(port: Int, headers: [String: String]) async throws -> HTTPConnection {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestError("no socket: \(Self.lastError)") }
        let connection = HTTPConnection(descriptor: descriptor, headers: headers)
        do {
            try await connection.onQueue { try connection.connect(port: port) }
        } catch {
            connection.close()
            throw error
        }
        return connection
    }

    func close() {
        Glibc.close(self.descriptor)
    }

    /// One request; the connection stays open unless either side says otherwise.
    package func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) async throws -> HTTPAnswer {
        var fields = ["host": "127.0.0.1"].merging(self.headers) { $1 }
        if let body {
            fields["content-type"] = "application/json"
            fields["content-length"] = "\(body.utf8.count)"
        }
        fields.merge(headers) { $1 }
        let head = fields.reduce(into: "\(method) \(path) HTTP/1.1\r\n") { $0 += "\($1.key): \($1.value)\r\n" }
        return try await self.exchange(Array((head + "\r\n" + (body ?? "")).utf8), isHead: method == "HEAD")
    }

    /// Sends bytes as they are: the begin of a request that ends later.
    package func begin(_ bytes: [UInt8]) async throws {
        try await self.onQueue { self.write(bytes) }
    }

    /// Sends a request without a body and reads no answer.
    package func post(_ path: String) async throws {
        let fields = ["host": "127.0.0.1", "content-length": "0"].merging(self.headers) { $1 }
        let head = fields.reduce(into: "POST \(path) HTTP/1.1\r\n") { $0 += "\($1.key): \($1.value)\r\n" }
        try await self.onQueue { self.write(Array((head + "\r\n").utf8)) }
    }

    /// Sends bytes as they are and reads one answer.
    package func exchange(_ bytes: [UInt8], isHead: Bool = false) async throws -> HTTPAnswer {
        try await self.onQueue {
            self.write(bytes)
            return try self.readAnswer(isHead: isHead)
        }
    }

    private func onQueue<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            self.queue.async {
                continuation.resume(with: Swift.Result { try work() })
            }
        }
    }

    // MARK: On the queue

    private func connect(port: Int) throws {
        var timeout = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(self.descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }
        let address = LoopbackSocket.address("127.0.0.1", port: port)
        guard address.withSockaddr({ Glibc.connect(self.descriptor, $0, $1) }) == 0 else {
            throw TestError("no server on port \(port): \(Self.lastError)")
        }
    }

    /// Sends all, or as much as the server takes: it may answer and close before a request that is too large has ended.
    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { buffer in
                Glibc.send(self.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private func readAnswer(isHead: Bool) throws -> HTTPAnswer {
        var reader = HTTPAnswerReader(isHead: isHead)
        reader.append(self.rest.withLock { $0 })
        while true {
            if let (answer, rest) = try reader.answer() {
                self.rest.withLock { $0 = rest }
                return answer
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(self.descriptor, &buffer, buffer.count, 0)
            switch count {
            case 1...: reader.append(Array(buffer.prefix(count)))
            case 0: try reader.end()
            // Closed with bytes of ours unread.
            case -1 where errno == ECONNRESET: throw ConnectionClosed(start: "")
            default: throw TestError("connection broken while waiting for an answer: \(Self.lastError)")
            }
        }
    }

    private static var lastError: String { String(cString: strerror(errno)) }
}
