import HTTPTypes
import Tasks

/// What is wrong with a request, found before anything was done.
enum RequestError: Error, Hashable, Sendable {
    /// Body, query or path is not what the route wants, and the route has no text of its own for it.
    case invalidParameter
    case invalidStatus
    case invalidSessionID
    case invalidTaskID
    case invalidMessageID
    case invalidUseUUID
    /// The query's parameter of this name is no JSON object.
    case invalidFilter(String)
    case configsTooLarge
    /// More than `MessageMetaBody.maxBytes`.
    case metaTooLarge
    case malformedMessage(MessageFormat, MessageFormatError)
    /// A part names a file that did not come with the message.
    case missingFile(String)
    case invalidEditStrategies(EditStrategyError)
    case invalidIdempotencyKey
    case unauthorized
    /// The token's project keeps its data encrypted, under a key that must not be written to an outbox row
    /// (contract.md §4.4).
    case encryptedProject
    case bodyTooLarge
    /// As many large bodies are held as may be.
    case tooManyLargeBodies
    /// The body did not arrive before the request's deadline.
    case bodyTimeout
    /// - Parameter allow: the path's methods, for the header of that name.
    case methodNotAllowed(allow: String)
    /// The path has a slash too many at its end.
    case moved(to: String, isSafe: Bool)
    case notFound
    /// More operators' requests are under way than may be.
    case tooManyOperators

    var failure: Failure {
        switch self {
        case .invalidParameter: Failure(.badRequest, "parameter error")
        case .invalidStatus:
            Failure(.badRequest, "invalid status value, must be one of: success, failed, running, pending")
        case .invalidSessionID: Failure(.badRequest, "invalid session_id")
        case .invalidTaskID: Failure(.badRequest, "invalid task_id")
        case .invalidMessageID: Failure(.badRequest, "invalid message_id")
        case .metaTooLarge: Failure(.badRequest, "meta size exceeds 64KB limit")
        case .malformedMessage(let format, _): Failure(.badRequest, "failed to normalize \(format.rawValue) message")
        case .missingFile(let field): Failure(.badRequest, "missing file \(field)")
        case .invalidEditStrategies(let error): Failure(.badRequest, Self.text(of: error))
        case .invalidUseUUID: Failure(.badRequest, "invalid UUID format for use_uuid")
        case .invalidFilter(let name): Failure(.badRequest, "invalid \(name) JSON")
        case .configsTooLarge: Failure(.badRequest, "configs size exceeds 64KB limit")
        case .invalidIdempotencyKey:
            Failure(.badRequest, "invalid Idempotency-Key, must be one header of 1 to 255 visible ASCII characters")
        case .unauthorized: Failure(.unauthorized, "Unauthorized", challenge: "Bearer")
        case .encryptedProject:
            Failure(.forbidden, "this project uses encryption at rest, which SkillRelay does not support")
        case .bodyTooLarge: Failure(.contentTooLarge, "request body too large", closesConnection: true)
        case .tooManyLargeBodies:
            Failure(
                .serviceUnavailable, "too many large requests at once, nothing was changed: retry",
                isWorthRetrying: true, closesConnection: true
            )
        case .bodyTimeout: Failure(.requestTimeout, "request body took too long", closesConnection: true)
        case .methodNotAllowed(let allow): Failure(.methodNotAllowed, "method not allowed", allow: allow)
        case .moved(let location, let isSafe):
            Failure(
                isSafe ? .movedPermanently : .temporaryRedirect, "the path has no slash at its end", location: location
            )
        case .notFound: Failure(.notFound, "page not found")
        case .tooManyOperators:
            Failure(
                .serviceUnavailable, "too many operators' requests at once, nothing was changed: retry",
                isWorthRetrying: true
            )
        }
    }

    private static func text(of error: EditStrategyError) -> String {
        switch error {
        case .malformed: "invalid edit_strategies JSON"
        case .unknownType:
            "invalid edit_strategies: type must be one of: remove_tool_result, remove_tool_call_params, middle_out, token_limit"
        case .tooMany: "invalid edit_strategies: at most \(EditStrategy.maxCount)"
        case .invalid(let parameter, let mustBe): "invalid edit_strategies: \(parameter) must be \(mustBe)"
        }
    }
}
