import Foundation
import Glibc

/// Sends requests over kept-alive connections and takes the time of each answer.
///
/// One thread, one `poll`, bytes made beforehand: it shares the machine with what it measures, so it must cost little.
struct LoadGenerator: Sendable {
    let port: UInt16
    let connections: Int
    /// Whole requests, sent in turn.
    let requests: [[UInt8]]

    /// A request that was answered; times in nanoseconds.
    struct Exchange: Sendable {
        /// Its place in `requests`.
        var request: Int
        var begun: Int64
        var answered: Int64
    }

    struct Result: Sendable {
        var exchanges: [Exchange] = []
        /// From the first request to the last answer.
        var duration = Duration.zero

        var perSecond: Double { Double(self.exchanges.count) / (self.duration / .seconds(1)) }

        /// In milliseconds.
        func percentile(_ share: Double) -> Double {
            let sorted = self.exchanges.map { $0.answered - $0.begun }.sorted()
            guard !sorted.isEmpty else { return .nan }
            return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1_000_000
        }
    }

    /// Each connection sends its next request when it has the answer to the last.
    func closedLoop(for duration: Duration) async throws -> Result {
        try await self.onOwnThread { try self.run(for: duration, interval: nil) }
    }

    /// Requests begin at a fixed rate, whatever becomes of the earlier ones. A latency counts from when its request was due, so one that
    /// finds no connection free counts its wait, and each that was due is sent, if late (no coordinated omission).
    func openLoop(perSecond rate: Double, for duration: Duration) async throws -> Result {
        try await self.onOwnThread { try self.run(for: duration, interval: Int64(1_000_000_000 / rate)) }
    }

    private func onOwnThread(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result { try work() }) }
        }
    }

    private func run(for duration: Duration, interval: Int64?) throws -> Result {
        var links = try (0..<self.connections).map { _ in try Link(port: self.port) }
        defer { for link in links { close(link.descriptor) } }
        var result = Result()
        result.exchanges.reserveCapacity(1 << 18)
        var sources = links.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        var idle = Array(links.indices)
        var next = Int.random(in: self.requests.indices)
        let start = Self.now()
        let end = start + Int64(duration / .nanoseconds(1))
        var due = start
        while true {
            let now = Self.now()
            if interval == nil { due = now }
            // Answers are waited for, and in an open loop every request that was due is sent first.
            if due >= end, idle.count == links.count {
                result.duration = .nanoseconds(now - start)
                return result
            }
            while due < end, due <= now, let index = idle.popLast() {
                try links[index].send(self.requests[next], number: next, begun: due)
                next = (next + 1) % self.requests.count
                if let interval { due += interval }
            }
            let hasTime = interval == nil || idle.isEmpty || due >= end
            if !hasTime, due > now { Self.wait(for: links, nanoseconds: due - now) }
            guard poll(&sources, nfds_t(sources.count), hasTime ? 1000 : 0) >= 0 else {
                throw BenchError("poll failed")
            }
            for index in sources.indices where sources[index].revents != 0 {
                guard try links[index].receive() else { continue }
                let (request, begun) = links[index].underWay
                result.exchanges.append(Exchange(request: request, begun: begun, answered: Self.now()))
                idle.append(index)
            }
        }
    }

    /// Until a link can be read, or so long. `poll` knows only whole milliseconds, and a request may be due sooner.
    private static func wait(for links: [Link], nanoseconds: Int64) {
        var readable = fd_set()
        withUnsafeMutableBytes(of: &readable) { bits in
            for link in links { bits[Int(link.descriptor / 8)] |= 1 << (link.descriptor % 8) }
        }
        var wait = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        let highest = links.map(\.descriptor).max() ?? -1
        // `poll` tells afterwards what happened.
        _ = pselect(highest + 1, &readable, nil, nil, &wait, nil)
    }

    /// The monotonic clock, in nanoseconds.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// One kept-alive connection with at most one request under way.
private struct Link {
    let descriptor: Int32
    private(set) var underWay: (request: Int, begun: Int64) = (0, 0)
    private var answer: [UInt8] = []

    init(port: UInt16) throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(self.descriptor, $0, size) }
        }
        guard status == 0 else { throw BenchError("cannot connect to 127.0.0.1:\(port)") }
        var on: Int32 = 1
        setsockopt(self.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    mutating func send(_ request: [UInt8], number: Int, begun: Int64) throws {
        self.underWay = (number, begun)
        self.answer.removeAll(keepingCapacity: true)
        // Small enough for an empty send buffer, always.
        guard Glibc.send(self.descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw BenchError("the connection was lost while sending")
        }
    }

    /// Takes what has arrived; true when the answer is complete.
    mutating func receive() throws -> Bool {
        let room = 4096
        let filled = self.answer.count
        self.answer.append(contentsOf: repeatElement(0, count: room))
        let count = self.answer.withUnsafeMutableBytes {
            recv(self.descriptor, $0.baseAddress.map { $0 + filled }, room, 0)
        }
        guard count > 0 else { throw BenchError("the connection was lost while waiting for an answer") }
        self.answer.removeLast(room - count)
        guard let length = try AnswerHead.completeLength(self.answer) else { return false }
        return self.answer.count >= length
    }
}

/// As much of HTTP/1.1 as the service under test speaks: a status line, `Content-Length`, a body.
private enum AnswerHead {
    private static let end = Array("\r\n\r\n".utf8)
    private static let ok = Array("HTTP/1.1 200 ".utf8)
    private static let contentLength = Array("content-length: ".utf8)

    /// Head and body together; nil until the head is complete.
    static func completeLength(_ bytes: [UInt8]) throws -> Int? {
        guard let headEnd = Self.find(Self.end, in: bytes) else { return nil }
        guard bytes.starts(with: Self.ok) else { throw BenchError(String(decoding: bytes, as: UTF8.self)) }
        guard let field = Self.find(Self.contentLength, in: bytes) else { throw BenchError("no Content-Length") }
        let digits = bytes[(field + Self.contentLength.count)...].prefix { $0 >= 48 && $0 <= 57 }
        return headEnd + Self.end.count + digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    private static func find(_ pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        return (0...(bytes.count - pattern.count)).first { start in
            // Field names may be in either case, and nothing else here has letters.
            pattern.indices.allSatisfy { bytes[start + $0] | 0x20 == pattern[$0] | 0x20 }
        }
    }
}

/// A measurement that cannot be made.
struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
