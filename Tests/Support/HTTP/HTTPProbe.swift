import Foundation

/// A small HTTP/1.1 client that sends exactly what it is told, malformed requests too, and repeats nothing by itself.
package struct HTTPProbe: Sendable {
    package let port: Int
    /// Sent with every request.
    package var headers: [String: String]

    /// A client of a server on 127.0.0.1.
    package init(port: Int, headers: [String: String] = [:]) {
        self.port = port
        self.headers = headers
    }

    /// One request on a connection of its own.
    ///
    /// - Throws: ``TestError`` when there is no server, or it closes the connection without an answer.
    package func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) async throws -> HTTPAnswer {
        try await self.withConnection { connection in
            try await connection.send(method, path, headers: headers, body: body)
        }
    }

    /// Sends bytes as they are on a connection of its own; the first answer.
    package func send(raw bytes: [UInt8]) async throws -> HTTPAnswer {
        try await self.withConnection { connection in try await connection.exchange(bytes) }
    }

    /// Lends a connection that is kept open between requests.
    package func withConnection<Result>(_ body: (HTTPConnection) async throws -> Result) async throws -> Result {
        let connection = try await HTTPConnection.open(port: self.port, headers: self.headers)
        defer { connection.close() }
        return try await body(connection)
    }
}
