import HTTPTypes
import Hummingbird
import NIOCore

/// Reads request bodies, within a limit.
struct BodyReader: Sendable {
    let maxBytes: Int

    /// The whole body, whatever its content type says.
    ///
    /// - Throws: `RequestError.bodyTooLarge`; `RequestError.bodyTimeout` when the request's deadline comes first;
    ///   `RequestError.invalidParameter` when the client stopped before the length it had announced.
    func read(_ request: Request) async throws -> [UInt8] {
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: self.maxBytes)
        } catch is CancellationError {
            throw RequestError.bodyTimeout
        }
        // A cancelled read may also end early instead of throwing.
        guard !Task.isCancelled else { throw RequestError.bodyTimeout }
        guard request.announcedBodyLength ?? body.readableBytes == body.readableBytes else {
            throw RequestError.invalidParameter
        }
        return Array(buffer: body)
    }

    /// The body if the content type is JSON; nil otherwise: upstream's generic binder then reads a form, which has
    /// none of the fields (contract.md §2.0).
    func readIfJSON(_ request: Request) async throws -> [UInt8]? {
        request.hasJSON ? try await self.read(request) : nil
    }
}

extension Request {
    /// The content type is JSON.
    var hasJSON: Bool {
        let type = self.headers[.contentType]?.prefix { $0 != ";" && $0 != " " }
        return type?.lowercased() == "application/json"
    }

    /// What `Content-Length` says; the greatest number for one beyond it, nil without the header.
    var announcedBodyLength: Int? {
        self.headers[.contentLength].map { Int($0) ?? .max }
    }
}
