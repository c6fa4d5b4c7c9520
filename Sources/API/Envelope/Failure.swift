import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Outbox
import Postgres
import Tasks

/// An answer that is no success: what the envelope and the headers say.
struct Failure: Hashable, Sendable {
    let status: HTTPResponse.Status
    /// The envelope's code; mostly the HTTP status (contract.md §1.2 has the exceptions).
    let code: Int
    let message: String
    /// The same request may succeed in a second; `Retry-After` says so.
    var isWorthRetrying = false
    /// The request was not read to its end.
    var closesConnection = false
    var challenge: String?
    var allow: String?
    var location: String?

    init(
        _ status: HTTPResponse.Status,
        code: Int? = nil,
        _ message: String,
        isWorthRetrying: Bool = false,
        closesConnection: Bool = false,
        challenge: String? = nil,
        allow: String? = nil,
        location: String? = nil
    ) {
        self.status = status
        self.code = code ?? status.code
        self.message = message
        self.isWorthRetrying = isWorthRetrying
        self.closesConnection = closesConnection
        self.challenge = challenge
        self.allow = allow
        self.location = location
    }

    /// The one table from errors to answers; nil for an error that nobody foresaw.
    static func expected(for error: any Error) -> Failure? {
        switch error {
        case let error as RequestError: error.failure
        case is JSONError: RequestError.invalidParameter.failure
        case let error as TasksError: Self.of(error)
        case let error as OperationError: Self.of(error)
        case let error as EventFilterError: Failure(.badRequest, error.description)
        case let error as PostgresError: Self.of(error)
        case is NIOTooManyBytesError: RequestError.bodyTooLarge.failure
        // Only the deadline and a stop that cannot wait cancel a request.
        case is CancellationError: Self.cutOff
        case let error as HTTPError where error.status == .notFound: RequestError.notFound.failure
        case let error as HTTPError where error.status.kind == .clientError:
            Failure(error.status, error.status.reasonPhrase.lowercased())
        default: nil
        }
    }

    static let unexpected = Failure(.internalServerError, "internal server error")
    private static let databaseError = Failure(.internalServerError, "database error")
    private static let cutOff = Failure(
        .serviceUnavailable, "the request took too long, whether it took effect is unknown: retry",
        isWorthRetrying: true
    )

    private static func of(_ error: TasksError) -> Failure {
        switch error {
        case .taskNotFound: Failure(.notFound, "task not found or does not belong to this session")
        case .sessionNotFound: Failure(.notFound, "session not found")
        case .sessionOfAnotherProject:
            Failure(.forbidden, "access denied: session does not belong to this project")
        case .messageNotFound: Failure(.notFound, "message not found")
        case .messagesWithoutMeta:
            Failure(
                .conflict, "this database has no messages.meta: start Acontext's API on it once, which adds the column")
        case .partsInObjectStore:
            Failure(.conflict, "message parts are in an object store that is not configured: S3_BUCKET is not set")
        case .messagesTooLarge:
            Failure(
                .conflict,
                "these messages are larger than \(MessageStore.maxListedBytes >> 20) MiB together: ask for fewer, with limit"
            )
        case .messageTooLarge: Failure(.contentTooLarge, "the message's parts are too large to be stored")
        case .filesNeedObjectStore:
            Failure(.badRequest, "files need an object store, and none is configured: S3_BUCKET is not set")
        case .objectStoreUnavailable:
            Failure(
                .serviceUnavailable, "the object store is unavailable or busy, nothing was changed: retry",
                isWorthRetrying: true
            )
        case .sessionExists: Failure(.conflict, "session with this UUID already exists")
        case .learningSpaceNotFound: Failure(.notFound, "learning space not found")
        case .sessionAlreadyLearned: Failure(.conflict, "session already learned by another space")
        case .learningSpaceSessionNotFound: Failure(.notFound, "learning space session not found")
        case .skillNotFound: Failure(.notFound, "skill not found")
        case .skillAlreadyIncluded: Failure(.conflict, "skill already included in this space")
        case .skillNameTaken(let name):
            Failure(.conflict, "skill with name '\(name)' already exists in this space")
        case .userNotFound: Failure(.notFound, "user not found")
        case .idempotencyKeyReused:
            Failure(.unprocessableContent, "this Idempotency-Key was used for another request")
        case .idempotencyKeyInUse:
            Failure(
                .conflict, "a request with this Idempotency-Key is still under way: retry", isWorthRetrying: true
            )
        case .flushFailed: Failure(.internalServerError, "failed to flush session")
        case .tooManyFlushes:
            Failure(.serviceUnavailable, "too many flushes at once, nothing was changed: retry", isWorthRetrying: true)
        // Upstream finds it in its service and reports that as it reports any failure there.
        case .invalidCursor: Failure(.badRequest, code: 500, "database error")
        }
    }

    private static func of(_ error: OperationError) -> Failure {
        switch error {
        case .invalid(let text): Failure(.badRequest, text)
        case .notFound(let text): Failure(.notFound, text)
        case .conflict(let text): Failure(.conflict, text)
        case .tooLong(let text): Failure(.unprocessableContent, text)
        }
    }

    private static func of(_ error: PostgresError) -> Failure? {
        if error.isInvalidInput || error.sqlState == .programLimitExceeded {
            return RequestError.invalidParameter.failure
        }
        switch error.code {
        case .outcomeUnknown:
            return Failure(
                .serviceUnavailable, "the database was lost, whether the request took effect is unknown: retry",
                isWorthRetrying: true
            )
        case .cancelled:
            return Failure(
                .serviceUnavailable, "the request took too long, nothing was changed: retry", isWorthRetrying: true
            )
        default:
            break
        }
        // Unique: two writers drew one task order, or one new user's name, at once. Foreign key: what the request
        // builds on was deleted under it, try after try.
        if error.isRetryable || error.sqlState == .uniqueViolation || error.sqlState == .foreignKeyViolation {
            return Failure(
                .serviceUnavailable, "the database is unavailable or busy, nothing was changed: retry",
                isWorthRetrying: true
            )
        }
        return nil
    }

    /// What to answer when nobody foresaw the error; its cause goes to the log, not to the client.
    static func unforeseen(_ error: any Error) -> Failure {
        error is PostgresError ? Self.databaseError : Self.unexpected
    }
}

extension SQLState {
    /// A value that is well-formed, and too large for one of the server's own limits: an index entry, a text of a gigabyte.
    fileprivate static let programLimitExceeded = SQLState(rawValue: "54000")
}
