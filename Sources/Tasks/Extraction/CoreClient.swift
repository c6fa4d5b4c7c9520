import AsyncHTTPClient
package import Foundation
import JSON
package import Logging
import NIOCore
import NIOHTTP1
import Postgres

/// Asks Acontext CORE to look at a session's messages (contract.md §2.4).
package struct CoreClient: Sendable {
    /// As upstream: CORE asks a language model meanwhile.
    package static let timeout = Duration.seconds(300)
    private static let maxAnswerBytes = 1 << 16

    /// Without a slash at its end.
    private let baseURL: String
    private let logger: Logger

    /// - Parameters:
    ///   - url: `http` or `https`, with a host; may have a path.
    ///   - logger: gets a line for each flush that fails.
    package init(url: URL, logger: Logger) {
        var base = url.absoluteString
        while base.last == "/" { base.removeLast() }
        self.baseURL = base
        self.logger = logger
    }

    /// Asks once, on a connection of its own, and waits.
    ///
    /// - Returns: what CORE says of it, good or bad.
    /// - Throws: `TasksError.flushFailed` when that is not 200 with JSON of this form, or too late; `CancellationError`.
    func flush(session: UUID, project: UUID) async throws -> FlushResult {
        var request = HTTPClientRequest(
            url: "\(self.baseURL)/api/v1/project/\(project.lowercased)/session/\(session.lowercased)/flush"
        )
        request.method = .POST
        request.body = .bytes(ByteBuffer())
        do {
            return try await HTTPClient.withHTTPClient(configuration: Self.configuration) { client in
                let deadline = NIODeadline.now() + TimeAmount(Self.timeout)
                let response = try await client.execute(request, deadline: deadline)
                guard response.status == .ok else { throw CoreError.status(Int(response.status.code)) }
                return try FlushResult(Array(buffer: try await response.body.collect(upTo: Self.maxAnswerBytes)))
            }
        } catch {
            guard !Task.isCancelled else { throw CancellationError() }
            self.logger.warning(
                "CORE did not flush a session", error: error, metadata: ["session.id": "\(session.lowercased)"]
            )
            throw TasksError.flushFailed
        }
    }

    /// No second attempt at anything: what is not known to have failed may be under way for minutes.
    private static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: TimeAmount(Self.timeout))
        )
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        return configuration
    }

    private enum CoreError: Error {
        case status(Int)
    }
}

/// What became of a flush.
package struct FlushResult: Sendable, Hashable {
    /// 200 when it was done.
    package let status: Int
    package let message: String

    init(status: Int, message: String) {
        self.status = status
        self.message = message
    }

    /// - Throws: `JSONError` unless it is an object with an integer `status`; `errmsg` may be absent.
    fileprivate init(_ json: [UInt8]) throws(JSONError) {
        let object = try JSONValue(json)
        guard case .number(let digits) = object["status"], let status = Int(digits) else { throw .wrongType }
        self.init(status: status, message: object["errmsg"]?.string ?? "")
    }
}
