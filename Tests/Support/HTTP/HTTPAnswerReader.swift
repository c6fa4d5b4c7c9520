/// Finds the answer in the bytes as they come: RFC 9112 §6.3, as far as servers use it.
struct HTTPAnswerReader {
    private let isHead: Bool
    private var bytes: [UInt8] = []
    private var hasEnded = false

    /// - Parameter isHead: The request was HEAD, whose answer has a length but no body.
    init(isHead: Bool) {
        self.isHead = isHead
    }

    mutating func append(_ more: [UInt8]) {
        self.bytes += more
    }

    /// The server has closed the connection.
    mutating func end() throws {
        guard !self.hasEnded, !self.bytes.isEmpty else {
            let start = String(decoding: self.bytes.prefix(200), as: UTF8.self)
            throw ConnectionClosed(start: start)
        }
        self.hasEnded = true
    }

    /// The answer and the bytes after it, once all of it is there. Interim answers (1xx) are left out.
    mutating func answer() throws -> (HTTPAnswer, [UInt8])? {
        guard let headEnd = Self.index(after: Array("\r\n\r\n".utf8), in: self.bytes[...]) else { return nil }
        let lines = String(decoding: self.bytes[..<headEnd], as: UTF8.self)
            .split(separator: "\r\n", omittingEmptySubsequences: true)
        let statusLine = lines.first?.split(separator: " ") ?? []
        guard statusLine.count >= 2, statusLine[0].hasPrefix("HTTP/1."), let status = Int(statusLine[1]) else {
            throw TestError("not an HTTP answer: \(lines.first ?? "")")
        }
        if (100..<200).contains(status) {
            self.bytes.removeFirst(headEnd)
            return try self.answer()
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw TestError("not a header: \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        }
        guard let (body, next) = try self.body(from: headEnd, status: status, headers: headers) else { return nil }
        return (HTTPAnswer(status: status, headers: headers, body: body), Array(self.bytes[next...]))
    }

    /// The body and where it ends, once all of it is there.
    private func body(from start: Int, status: Int, headers: [String: String]) throws -> ([UInt8], Int)? {
        if self.isHead || status == 204 || status == 304 {
            return ([], start)
        }
        if headers["transfer-encoding"] == "chunked" {
            return try self.chunks(from: start)
        }
        if let length = headers["content-length"] {
            guard let length = Int(length) else { throw TestError("not a length: \(length)") }
            let end = start + length
            return self.bytes.count >= end ? (Array(self.bytes[start..<end]), end) : nil
        }
        return self.hasEnded ? (Array(self.bytes[start...]), self.bytes.count) : nil
    }

    private func chunks(from start: Int) throws -> ([UInt8], Int)? {
        var body: [UInt8] = []
        var next = start
        while let lineEnd = Self.index(after: Array("\r\n".utf8), in: self.bytes[next...]) {
            let line = String(decoding: self.bytes[next..<lineEnd - 2], as: UTF8.self)
            guard let size = Int(line, radix: 16) else { throw TestError("not a chunk's size: \(line)") }
            let end = lineEnd + size
            guard self.bytes.count >= end + 2 else { return nil }
            body += self.bytes[lineEnd..<end]
            next = end + 2
            if size == 0 {
                return (body, next)
            }
        }
        return nil
    }

    private static func index(after pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        var position = bytes.startIndex
        while position + pattern.count <= bytes.endIndex {
            if bytes[position..<position + pattern.count].elementsEqual(pattern) {
                return position + pattern.count
            }
            position += 1
        }
        return nil
    }
}

/// The server closed the connection and had not answered, or not wholly.
package struct ConnectionClosed: Error {
    /// What had come by then.
    let start: String
}
