import HTTPTypes

/// What is wrong with a request, found before anything was done.
enum RequestError: Error, Hashable, Sendable {
    /// Body, query or path is not what the route wants, and the route has no text of its own for it.
    case invalidParameter
    case invalidStatus
    case invalidSessionID
    case invalidTaskID
    case invalidUseUUID
    case invalidIdempotencyKey
    case unauthorized
    /// The token's project keeps its data encrypted, under a key that must not be written to an outbox row
    /// (contract.md §4.4).
    case encryptedProject
    case bodyTooLarge
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
        case .invalidUseUUID: Failure(.badRequest, "invalid UUID format for use_uuid")
        case .invalidIdempotencyKey:
            Failure(.badRequest, "invalid Idempotency-Key, must be one header of 1 to 255 visible ASCII characters")
        case .unauthorized: Failure(.unauthorized, "Unauthorized", challenge: "Bearer")
        case .encryptedProject:
            Failure(.forbidden, "this project uses encryption at rest, which SkillRelay does not support")
        case .bodyTooLarge: Failure(.contentTooLarge, "request body too large", closesConnection: true)
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
}
