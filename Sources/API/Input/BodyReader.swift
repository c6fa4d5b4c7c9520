import HTTPTypes
import Hummingbird
import NIOCore

/// Reads request bodies, within a limit.
struct BodyReader: Sendable {
    let maxBytes: Int

    /// The whole body, whatever its content type says.
    ///
    /// - Throws: `RequestError.bodyTooLarge`, at once when the header says so; `RequestError.bodyTimeout` when the
    ///   request's deadline comes first; `RequestError.invalidParameter` when the client stopped before the length it
    ///   had announced.
    func read(_ request: Request) async throws -> [UInt8] {
        let announced = self.announcedLength(request)
        guard announced ?? 0 <= self.maxBytes else { throw RequestError.bodyTooLarge }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: self.maxBytes)
        } catch is CancellationError {
            throw RequestError.bodyTimeout
        }
        // A cancelled read may also end early instead of throwing.
        guard !Task.isCancelled else { throw RequestError.bodyTimeout }
        guard announced ?? body.readableBytes == body.readableBytes else { throw RequestError.invalidParameter }
        return Array(buffer: body)
    }

    private func announcedLength(_ request: Request) -> Int? {
        request.headers[.contentLength].flatMap { Int($0) }
    }

    /// The body if the content type is JSON; nil otherwise: upstream's generic binder then reads a form, which has
    /// none of the fields (contract.md §2.0).
    func readIfJSON(_ request: Request) async throws -> [UInt8]? {
        let type = request.headers[.contentType]?.prefix { $0 != ";" && $0 != " " }
        guard type?.lowercased() == "application/json" else {
            guard self.announcedLength(request) ?? 0 <= self.maxBytes else { throw RequestError.bodyTooLarge }
            return nil
        }
        return try await self.read(request)
    }
}
