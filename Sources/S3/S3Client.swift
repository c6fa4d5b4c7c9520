import AsyncHTTPClient
package import Foundation
package import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Keeps and fetches the objects of one bucket, on any server that speaks S3's protocol.
///
/// What fails because the server is away or busy is tried again, after a pause with jitter, for as long as `patience` lasts; so every
/// operation may have been done more than once, which none of them minds. Cancelling the task ends them at once.
package struct S3Client: Service, Sendable {
    package let configuration: S3Configuration
    private let signature: SignatureV4
    private let http: HTTPClient
    private let logger: Logger

    /// What an answer that is no object may hold: a page of a listing at most.
    private static let maxAnswerBytes = 2 << 20
    private static let mostAttempts = 4

    /// Makes a client, which must be `run()`: its connections are closed only then.
    package init(configuration: S3Configuration, logger: Logger) {
        self.configuration = configuration
        self.signature = SignatureV4(
            accessKey: configuration.accessKey, secretKey: configuration.secretKey, region: configuration.region
        )
        var settings = HTTPClient.Configuration(redirectConfiguration: .disallow)
        settings.timeout.connect = .seconds(2)
        settings.httpVersion = .http1Only
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        // Attempts are counted and paused for here.
        settings.connectionPool.retryConnectionEstablishment = false
        self.http = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: settings)
        self.logger = logger
    }

    /// Keeps the connections until graceful shutdown.
    package func run() async throws {
        // Cancelled: they are closed all the same.
        try? await gracefulShutdown()
        try await self.http.shutdown()
    }

    // MARK: Operations

    /// Keeps an object under a key, whatever was there.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
    ///
    /// - Parameters:
    ///   - bytes: all of it.
    ///   - key: of the object, not encoded.
    ///   - contentType: handed out with it.
    ///   - metadata: of the user's own; names in lowercase, ASCII.
    /// - Returns: the object's ETag, without quotes.
    /// - Throws: `S3Error`.
    package func putObject(
        _ bytes: [UInt8],
        at key: String,
        contentType: String,
        metadata: [String: String] = [:]
    ) async throws(S3Error) -> String {
        var request = Call(method: .PUT, key: key)
        request.headers = [("content-type", contentType)] + metadata.map { ("x-amz-meta-\($0)", $1) }
        request.body = ByteBuffer(bytes: bytes)
        request.bodyHash = sha256(bytes)
        return try await self.perform(request) { head, _ in
            (head.first(name: "etag") ?? "").replacing("\"", with: "")
        }
    }

    /// Fetches an object of no more than `limit` bytes.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    ///
    /// - Throws: `S3Error`; `.objectMissing`, `.tooLarge`.
    package func getObject(_ key: String, limit: Int) async throws(S3Error) -> [UInt8] {
        try await self.perform(Call(method: .GET, key: key, limit: limit)) { _, body in Array(buffer: body) }
    }

    /// Removes an object; one that is not there is removed.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
    ///
    /// - Throws: `S3Error`.
    package func deleteObject(_ key: String) async throws(S3Error) {
        do {
            try await self.perform(Call(method: .DELETE, key: key)) { _, _ in }
        } catch let error where error.code == .objectMissing {
            // Servers other than AWS's may say so.
        }
    }

    /// One page of the objects whose keys begin with `prefix`, in order of their keys.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
    ///
    /// - Parameters:
    ///   - prefix: empty for all.
    ///   - continuation: of the page before; nil for the first.
    ///   - limit: of objects; servers give no more than 1000.
    /// - Returns: the objects, and where the next page begins.
    /// - Throws: `S3Error`.
    package func listObjects(
        prefix: String,
        after continuation: String? = nil,
        limit: Int = 1000
    ) async throws(S3Error) -> S3Listing {
        var request = Call(method: .GET, key: nil)
        request.query = [("list-type", "2"), ("max-keys", String(limit)), ("prefix", prefix)]
        if let continuation { request.query.append(("continuation-token", continuation)) }
        return try await self.perform(request) { _, body in S3Listing(Array(buffer: body)) }
    }

    /// A URL of the public endpoint at which anybody can fetch the object until `seconds` after `time`, at most a week.
    package func presignedURL(_ key: String, seconds: Int, time: Date = .now) -> String {
        let endpoint = self.configuration.publicEndpoint
        let path = endpoint.path(bucket: self.configuration.bucket, key: key)
        let request = SignatureV4.Request(method: "GET", path: path, headers: [("host", endpoint.authority)])
        let query = self.signature.presignedQuery(for: request, seconds: seconds, time: SigningTime(time))
        return "\(endpoint.scheme)://\(endpoint.authority)\(path)?\(query)"
    }

    // MARK: Attempts

    /// One request, before it is signed.
    private struct Call: Sendable {
        var method: HTTPMethod
        /// Nil: the bucket itself.
        var key: String?
        var query: [(name: String, value: String)] = []
        var headers: [(name: String, value: String)] = []
        var body: ByteBuffer?
        var bodyHash = sha256([])
        /// Of the answer's bytes.
        var limit = S3Client.maxAnswerBytes
    }

    /// Makes the call until it succeeds, is refused, or has no more time. `read` is nil for an answer that it does not understand.
    private func perform<Value: Sendable>(
        _ call: Call,
        _ read: @Sendable (HTTPHeaders, ByteBuffer) -> Value?
    ) async throws(S3Error) -> Value {
        let end = ContinuousClock.now + self.configuration.patience
        var failures = 0
        while true {
            do throws(S3Error) {
                let (headers, body) = try await self.attempt(call, until: end)
                guard let value = read(headers, body) else {
                    throw S3Error(.malformedAnswer, operation: call.method.rawValue, reason: "not understood")
                }
                return value
            } catch let error where error.code == .unavailable {
                failures += 1
                let pause = Duration.milliseconds(Int.random(in: 0...min(1000, 50 << failures)))
                guard failures < Self.mostAttempts, ContinuousClock.now + pause < end else { throw error }
                self.logger.info("The object store failed, trying again", error: error)
                guard (try? await Task.sleep(for: pause)) != nil else { throw error }
            }
        }
    }

    private func attempt(
        _ call: Call,
        until end: ContinuousClock.Instant
    ) async throws(S3Error) -> (HTTPHeaders, ByteBuffer) {
        let request = self.signed(call)
        let timeout = min(self.configuration.attemptTimeout, end - .now)
        let response: (status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer)
        do {
            response = try await withTimeout(timeout) {
                let response = try await self.http.execute(request, deadline: .distantFuture)
                let isObject = response.status.code < 300
                let body = try await response.body.collect(upTo: isObject ? call.limit : Self.maxAnswerBytes)
                return (response.status, response.headers, body)
            }
        } catch {
            throw self.failure(error, of: call)
        }
        guard (200...299).contains(response.status.code) else {
            throw Self.refusal(response.status, response.body, of: call)
        }
        return (response.headers, response.body)
    }

    private func signed(_ call: Call) -> HTTPClientRequest {
        let endpoint = self.configuration.endpoint
        let time = SigningTime(.now)
        let path = endpoint.path(bucket: self.configuration.bucket, key: call.key)
        let headers =
            call.headers + [
                ("host", endpoint.authority), ("x-amz-content-sha256", call.bodyHash), ("x-amz-date", time.text),
            ]
        let toSign = SignatureV4.Request(
            method: call.method.rawValue, path: path, query: call.query, headers: headers
        )
        let query = call.query.isEmpty ? "" : "?" + SignatureV4.canonicalQuery(call.query)
        var request = HTTPClientRequest(url: "\(endpoint.scheme)://\(endpoint.authority)\(path)\(query)")
        request.method = call.method
        request.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
        let authorization = self.signature.authorization(for: toSign, payloadHash: call.bodyHash, time: time)
        request.headers.add(name: "authorization", value: authorization)
        request.body = call.body.map { .bytes($0) }
        return request
    }

    // MARK: Failures

    /// What went wrong on the way: to the caller it is one and the same.
    private func failure(_ error: any Error, of call: Call) -> S3Error {
        let operation = call.method.rawValue
        switch error {
        case is NIOTooManyBytesError:
            return S3Error(.tooLarge, operation: operation, reason: "over \(call.limit) bytes")
        case is CancellationError where Task.isCancelled:
            return S3Error(.cancelled, operation: operation, reason: "cancelled")
        case let error as HTTPClientError where error == .cancelled && Task.isCancelled:
            return S3Error(.cancelled, operation: operation, reason: "cancelled")
        case let error as HTTPClientError:
            return S3Error(.unavailable, operation: operation, reason: error.shortDescription)
        case let error as IOError:
            return S3Error(.unavailable, operation: operation, reason: "errno \(error.errnoCode)")
        default:
            return S3Error(.unavailable, operation: operation, reason: "\(type(of: error))")
        }
    }

    private static func refusal(_ status: HTTPResponseStatus, _ body: ByteBuffer, of call: Call) -> S3Error {
        // Letters only, as S3's codes are: what is quoted in a log is no longer than that.
        let word = XMLElement(Array(buffer: body))?["Code"].map { $0.filter(\.isLetter).prefix(64) }
        let reason = word.map(String.init) ?? "HTTP status \(status.code)"
        let code: S3Error.Code =
            switch status.code {
            case 404 where call.key != nil && (word == nil || word == "NoSuchKey"): .objectMissing
            case 401, 403: .accessDenied
            case 408, 429, 500...599: .unavailable
            case 400 where word == "RequestTimeout": .unavailable
            default: .refused
            }
        return S3Error(code, operation: call.method.rawValue, reason: reason)
    }
}

/// Thrown when the time is up.
private struct TimedOut: Error {}

/// Runs `body`, and cancels it when it takes longer.
private func withTimeout<Value: Sendable>(
    _ limit: Duration,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TimedOut()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw TimedOut() }
        return first
    }
}
