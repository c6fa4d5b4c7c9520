import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Postgres
import Tasks

/// Makes a request's change and answers with it; under an `Idempotency-Key` once, however often the request is sent.
///
/// Only successes are kept: whatever else a request is answered, its transaction was rolled back, and its key is as unused as before.
struct WriteResponder: Sendable {
    /// What a change is answered with.
    struct Answer {
        var status: HTTPResponse.Status
        /// An envelope's bytes.
        var body: ByteBuffer
        /// The event that the change has written, if it has.
        var event: UUID?
    }

    let keyLifetime: Duration
    let keys: IdempotencyKeyStore

    /// Answers with what `answer` makes of the outcome; `body` is all that was read of the request's. `answer` is called on the thread of a
    /// database connection.
    func respond<Value>(
        to request: Request,
        body: [UInt8],
        _ context: ProjectContext,
        _ write: Write<Value>,
        answer: @Sendable (Value) -> Answer
    ) async throws -> Response {
        try await self.respond(under: self.key(of: request, body: body, context), write, answer: answer)
    }

    private func respond<Value>(
        under key: IdempotencyKey?,
        _ write: Write<Value>,
        answer: @Sendable (Value) -> Answer
    ) async throws -> Response {
        guard let key else { return Self.response(answer(try await write.perform())) }
        let stored = try await write.perform(once: key) { value in
            let answer = answer(value)
            return StoredAnswer(status: answer.status.code, body: Array(buffer: answer.body), event: answer.event)
        }
        return Self.response(stored)
    }

    /// Answers with `status` and what `data` writes, and names the `event` that the change has written; both are called like `answer`
    /// above.
    func respond<Value>(
        _ status: HTTPResponse.Status,
        to request: Request,
        body: [UInt8],
        _ context: ProjectContext,
        _ write: Write<Value>,
        event: @Sendable (Value) -> UUID? = { _ in nil },
        data: @Sendable (inout JSONWriter, Value) -> Void
    ) async throws -> Response {
        try await self.respond(to: request, body: body, context, write) { value in
            Answer(status: status, body: Envelope.body { data(&$0, value) }, event: event(value))
        }
    }

    /// Answers 200 with a message and no data.
    func respond(
        _ message: String,
        to request: Request,
        body: [UInt8] = [],
        _ context: ProjectContext,
        _ write: Write<Void>
    ) async throws -> Response {
        try await self.respond(to: request, body: body, context, write) { _ in
            Answer(status: .ok, body: Envelope.body(code: 0, message: message))
        }
    }

    /// Answers like the others a change that something else must precede, which is not done again when the request is a repeat.
    func respond<Value>(
        _ status: HTTPResponse.Status,
        to request: Request,
        body: [UInt8],
        _ context: ProjectContext,
        preparing prepare: () async throws -> Write<Value>,
        data: @Sendable (inout JSONWriter, Value) -> Void
    ) async throws -> Response {
        let key = try self.key(of: request, body: body, context)
        if let key, let answer = try await self.keys.answer(to: key) { return Self.response(answer) }
        return try await self.respond(under: key, prepare()) { value in
            Answer(status: status, body: Envelope.body { data(&$0, value) })
        }
    }

    private func key(of request: Request, body: [UInt8], _ context: ProjectContext) throws -> IdempotencyKey? {
        guard let key = try IdempotencyKeyHeader.key(in: request.headers) else { return nil }
        return IdempotencyKey(
            project: context.project.id,
            key: key,
            fingerprint: IdempotencyKeyHeader.fingerprint(of: request, body: body),
            lifetime: self.keyLifetime
        )
    }

    private static func response(_ answer: Answer) -> Response {
        var response = Envelope.response(answer.status, answer.body)
        if let event = answer.event { response.headers[.eventID] = event.lowercased }
        return response
    }

    private static func response(_ stored: StoredAnswer) -> Response {
        var response = Self.response(
            Answer(
                status: .init(code: stored.status), body: ByteBuffer(bytes: stored.body), event: stored.event
            )
        )
        if stored.isReplayed { response.headers[.idempotencyReplayed] = "true" }
        return response
    }
}

extension HTTPField.Name {
    /// The event that a change has written; what became of it can be asked by this id.
    static let eventID = Self.token("SkillRelay-Event-Id")
}
