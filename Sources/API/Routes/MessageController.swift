import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Tasks

/// `/session/{session_id}/messages`, and what is counted of a session's messages (contract.md §2.3, §2.7).
struct MessageController: Sendable {
    let messages: MessageStore
    let geminiCalls: GeminiCallStore
    let bodies: BodyReader
    let largeBodies: LargeBodyReader
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .post("session/:session_id/messages", use: self.store)
            .get("session/:session_id/messages", use: self.list)
            .patch("session/:session_id/messages/:message_id/meta", use: self.patchMeta)
            .get("session/:session_id/observing_status", use: self.observingStatus)
            .get("session/:session_id/token_counts", use: self.tokenCounts)
    }

    /// Whether it is the one request whose body may be large, known before the route runs.
    static func takesLargeBody(_ request: Request, at path: String?) -> Bool {
        request.method == .post && path == "/api/v1/session/{session_id}/messages"
    }

    // MARK: Storing

    @Sendable
    private func store(_ request: Request, context: ProjectContext) async throws -> Response {
        try await self.largeBodies.withBody(request) { body in
            // It is read, hashed and copied by the megabyte.
            try await offEventLoop { try await self.store(body, of: request, context) }
        }
    }

    private func store(_ body: [UInt8], of request: Request, _ context: ProjectContext) async throws -> Response {
        let message = try MessageBody(body, of: request)
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidParameter }
        let new = try message.newMessage(session: session, project: context.project.id)
        let headers = TraceContext.headers(of: request)
        do {
            return try await self.writes.respond(
                .created, to: request, body: body, context,
                preparing: {
                    guard message.format == .gemini else {
                        return try await self.messages.store(new, headers: headers)
                    }
                    return try await self.geminiCalls.store(new, in: self.messages, headers: headers)
                },
                data: { $0.message($1) }
            )
        } catch let error as MessageFormatError {
            throw RequestError.malformedMessage(message.format, error)
        }
    }

    @Sendable
    private func patchMeta(_ request: Request, context: ProjectContext) async throws -> Response {
        guard let body = try await self.bodies.readIfJSON(request),
            let patch = try MessageMetaBody.meta(in: JSONObject(body, members: ["meta"]))
        else { throw RequestError.invalidParameter }
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidSessionID }
        guard let message = pathID(context.parameters.get("message_id")) else { throw RequestError.invalidMessageID }
        let write = self.messages.patchMeta(
            message: message, session: session, project: context.project.id, patch: patch.text
        )
        return try await self.writes.respond(.ok, to: request, body: body, context, write) { json, meta in
            json.object { $0.member("meta", raw: meta) }
        }
    }

    // MARK: Reading

    @Sendable
    private func list(_ request: Request, context: ProjectContext) async throws -> Response {
        let query = QueryParameters(request.uri.query)
        let page = try MessagePageRequest(query: query)
        let asked = try MessageListRequest(query: query)
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidParameter }
        return try await offEventLoop {
            let found = try await self.messages.list(session: session, project: context.project.id, page: page)
            let (kept, editedUpTo) = EditStrategy.apply(
                asked.edits, to: found.items.map { ParsedMessage($0) }, pin: asked.pin
            )
            let urls = asked.wantsURLs ? self.messages.publicURLs(of: kept.map(\.message)) : [:]
            return Envelope.data { json in
                json.messages(kept, next: found.next, editedUpTo: editedUpTo, format: asked.format, urls: urls)
            }
        }
    }

    /// Messages, however large each is.
    private static let countedAtOnce = 2

    @Sendable
    private func tokenCounts(_: Request, context: ProjectContext) async throws -> Response {
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidParameter }
        var tokens = 0
        var page = MessagePageRequest(limit: Self.countedAtOnce)
        repeat {
            let (count, next) = try await offEventLoop { [page] in
                let messages = try await self.messages.list(session: session, project: context.project.id, page: page)
                return (messages.items.reduce(0) { $0 + TokenEstimate.count(ParsedMessage($1).parts) }, messages.next)
            }
            tokens += count
            page.cursor = next
        } while page.cursor != nil
        return Envelope.data { [tokens] json in
            json.object {
                $0.member("total_tokens", tokens)
                $0.member("tokens_are_estimated", true)
            }
        }
    }

    @Sendable
    private func observingStatus(_: Request, context: ProjectContext) async throws -> Response {
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidParameter }
        let status = try await self.messages.observing(session: session, project: context.project.id)
        return Envelope.data { json in
            json.object {
                $0.member("observed", status.observed)
                $0.member("in_process", status.inProcess)
                $0.member("pending", status.pending)
                $0.member("updated_at", status.updatedAt)
            }
        }
    }
}

/// How a client wants a list of messages.
private struct MessageListRequest {
    let format: MessageFormat
    let wantsURLs: Bool
    let edits: [EditStrategy]
    /// The last message that edits may change; nil: the last of all.
    let pin: UUID?

    init(query: QueryParameters) throws {
        guard let format = query.string("format").map({ MessageFormat(rawValue: $0) }) ?? .openai else {
            throw RequestError.invalidParameter
        }
        self.format = format
        self.wantsURLs = try query.bool("with_asset_public_url") ?? true
        self.edits = try Self.edits(query.string("edit_strategies"))
        self.pin = query.string("pin_editing_strategies_at_message").flatMap { UUID(anySpelling: $0) }
    }

    private static func edits(_ text: String?) throws(RequestError) -> [EditStrategy] {
        guard let text else { return [] }
        let json: JSONValue
        do {
            json = try JSONValue(Array(text.utf8))
        } catch {
            throw .invalidEditStrategies(.malformed)
        }
        do {
            return try EditStrategy.list(json)
        } catch {
            throw .invalidEditStrategies(error)
        }
    }
}
