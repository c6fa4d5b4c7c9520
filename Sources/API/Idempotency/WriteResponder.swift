import HTTPTypes
import Hummingbird
import NIOCore
import Tasks

/// Makes a request's change and answers with it; under an `Idempotency-Key` once, however often the request is sent.
///
/// Only successes are kept: whatever else a request is answered, its transaction was rolled back, and its key is as unused as before.
struct WriteResponder: Sendable {
    let keyLifetime: Duration

    /// Answers with `status` and what `data` writes; `body` is all that was read of the request's. `data` is called on the
    /// thread of a database connection.
    func respond<Value>(
        _ status: HTTPResponse.Status,
        to request: Request,
        body: [UInt8],
        _ context: ProjectContext,
        _ write: Write<Value>,
        data: @Sendable (inout JSONWriter, Value) -> Void
    ) async throws -> Response {
        guard let key = try IdempotencyKeyHeader.key(in: request.headers) else {
            let value = try await write.perform()
            return Envelope.data(status) { data(&$0, value) }
        }
        let once = IdempotencyKey(
            project: context.project.id,
            key: key,
            fingerprint: IdempotencyKeyHeader.fingerprint(of: request, body: body),
            lifetime: self.keyLifetime
        )
        let answer = try await write.perform(once: once) { value in
            StoredAnswer(status: status.code, body: Array(buffer: Envelope.body { data(&$0, value) }))
        }
        var response = Envelope.response(.init(code: answer.status), ByteBuffer(bytes: answer.body))
        if answer.isReplayed { response.headers[.idempotencyReplayed] = "true" }
        return response
    }
}
