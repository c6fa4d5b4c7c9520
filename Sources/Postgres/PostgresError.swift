/// What went wrong, in a form that may be logged: `description` holds no row data, no bound value and no password.
///
/// The server's own message is in `debugDescription` only, because it can quote values; its *detail*, which quotes
/// whole rows, is not kept at all.
public struct PostgresError: Error, Sendable {
    /// The kind of failure; what may have happened in the database follows from it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        enum Base: String, Hashable {
            case configuration, unavailable, connectionLost, outcomeUnknown, server, cancelled, decoding, migration
        }
        let base: Base

        /// The connection string is malformed.
        public static let configuration = Code(base: .configuration)
        /// No connection could be had: nothing was sent.
        public static let unavailable = Code(base: .unavailable)
        /// The connection was lost before anything could have been committed.
        public static let connectionLost = Code(base: .connectionLost)
        /// A commit may have happened: an autocommitted statement or a COMMIT was sent and the connection lost before
        /// the answer; or it is committed, and it is not known whether the standby it should wait for has it. Find
        /// out, or say that it is not known; it has not failed.
        public static let outcomeUnknown = Code(base: .outcomeUnknown)
        /// The server said no, and rolled back: see `sqlState`.
        public static let server = Code(base: .server)
        /// The calling task was cancelled; the statement was rolled back or never sent.
        public static let cancelled = Code(base: .cancelled)
        /// A result does not have the types it was decoded to. The statement itself has succeeded.
        public static let decoding = Code(base: .decoding)
        /// A migration failed, or does not fit to what is already applied.
        public static let migration = Code(base: .migration)

        /// The code's name.
        public var description: String { self.base.rawValue }
    }

    /// The kind of failure.
    public let code: Code
    /// The server's code, when the server answered.
    public let sqlState: SQLState?
    /// The constraint the server named, if any (safe to show).
    public let constraint: String?
    /// What failed, in our words (safe to show).
    public let reason: String
    /// The server's primary message: it may quote values, so it goes to a developer, not to a log.
    public let serverMessage: String?
    /// The name of the statement, once known.
    public private(set) var statement: String?
    /// The file of the call that failed, as `#fileID`, once known.
    public private(set) var file: String?
    /// The line of the call that failed, once known.
    public private(set) var line: Int?

    /// Makes an error; public so that what handles errors can be tested without a server.
    public init(
        _ code: Code,
        sqlState: SQLState? = nil,
        constraint: String? = nil,
        reason: String,
        serverMessage: String? = nil
    ) {
        self.code = code
        self.sqlState = sqlState
        self.constraint = constraint
        self.reason = reason
        self.serverMessage = serverMessage
    }

    /// Nothing happened, and the same call may succeed later.
    ///
    /// False for `.outcomeUnknown`: repeating is right only for a caller who knows that its statement is idempotent.
    public var isRetryable: Bool {
        switch self.code.base {
        case .unavailable, .connectionLost: true
        case .server: self.sqlState?.disposition == .retry || self.sqlState?.disposition == .replaceConnection
        case .configuration, .outcomeUnknown, .cancelled, .decoding, .migration: false
        }
    }

    /// The caller's values are at fault, not the statement.
    public var isInvalidInput: Bool {
        self.code == .server && self.sqlState?.disposition == .invalidInput
    }

    /// The same error with the place of the call and the statement's name, unless an inner call has set them.
    func located(statement: String?, file: String, line: Int) -> PostgresError {
        var copy = self
        copy.statement = self.statement ?? statement
        copy.file = self.file ?? file
        copy.line = self.line ?? line
        return copy
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Code, our words, SQLSTATE, constraint, statement and place.
    public var description: String {
        var text = "\(self.code): \(self.reason)"
        if let sqlState { text += " [SQLSTATE \(sqlState.rawValue)]" }
        if let constraint { text += " [constraint \(constraint)]" }
        if let statement { text += " [statement \(statement)]" }
        if let file, let line { text += " (\(file):\(line))" }
        return text
    }

    /// As `description`, and the server's message: may quote values.
    public var debugDescription: String {
        guard let serverMessage else { return self.description }
        return self.description + ": " + serverMessage
    }
}
