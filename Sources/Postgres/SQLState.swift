/// The five characters by which PostgreSQL names what went wrong.
///
/// <https://www.postgresql.org/docs/15/errcodes-appendix.html>
public struct SQLState: RawRepresentable, Hashable, Sendable {
    /// Five characters, e.g. `23505`.
    public let rawValue: String

    /// Wraps any code the server sends, known or not.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// A unique constraint or primary key holds the value already.
    public static let uniqueViolation = SQLState(rawValue: "23505")
    /// A referenced row is missing.
    public static let foreignKeyViolation = SQLState(rawValue: "23503")
    /// A CHECK constraint refused the row.
    public static let checkViolation = SQLState(rawValue: "23514")
    /// A column that must have a value got none.
    public static let notNullViolation = SQLState(rawValue: "23502")
    /// Two transactions cannot both have seen what they saw: the later one runs again.
    public static let serializationFailure = SQLState(rawValue: "40001")
    /// Two transactions wait for each other, and this one was chosen to give way.
    public static let deadlockDetected = SQLState(rawValue: "40P01")
    /// A lock was not had within `lock_timeout`.
    public static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// Ended by `statement_timeout` or by a cancel request.
    public static let queryCanceled = SQLState(rawValue: "57014")
    /// An administrator ended the session.
    public static let adminShutdown = SQLState(rawValue: "57P01")
    /// COMMIT, or anything else, in a transaction that has already failed.
    public static let inFailedTransaction = SQLState(rawValue: "25P02")
    /// A transaction was left open, or a statement was not allowed in the state it is in.
    public static let invalidTransactionState = SQLState(rawValue: "25000")
    /// Text that is not valid in the database's encoding; a NUL character above all.
    public static let characterNotInRepertoire = SQLState(rawValue: "22021")
    /// A time outside of what timestamptz holds.
    public static let datetimeOverflow = SQLState(rawValue: "22008")
    /// The named prepared statement does not exist, e.g. after DISCARD.
    static let invalidStatementName = SQLState(rawValue: "26000")
    /// "Cached plan must not change result type", among others.
    static let featureNotSupported = SQLState(rawValue: "0A000")
}

extension SQLState {
    /// What a code asks of the client: one table, so that no other place reads codes.
    enum Disposition: Hashable, Sendable {
        /// Rolled back; the same call may succeed later.
        case retry
        /// Rolled back, and this server takes no writes: connect again.
        case replaceConnection
        /// The values that were sent are at fault.
        case invalidInput
        /// The session has ended; what became of the statement under way is not said.
        case sessionEnded
        /// The session had ended before the statement was read: nothing of it happened.
        case sessionEndedBefore
        /// Anything else: the statement or the schema is at fault.
        case fault
    }

    var disposition: Disposition {
        switch self.rawValue {
        case "40001", "40P01", "55P03", "57014", "57P03", "25P02": .retry
        case "25006": .replaceConnection
        case "22P02", "22P05", "22021", "22003", "22008", "54001": .invalidInput
        case "57P01", "57P02": .sessionEnded
        case "25P03", "57P05": .sessionEndedBefore
        case let code where code.hasPrefix("53"): .retry
        case let code where code.hasPrefix("08"): .sessionEnded
        default: .fault
        }
    }
}
