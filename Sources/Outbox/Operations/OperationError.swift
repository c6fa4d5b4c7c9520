/// Why an operator's request was not carried out; nothing was changed. The text is one line for a person.
package enum OperationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The request makes no sense.
    case invalid(String)
    /// What it names does not exist, or nothing matches it.
    case notFound(String)
    /// What it names is not in a state for it.
    case conflict(String)
    /// It takes longer than it may.
    case tooLong(String)

    package var description: String {
        switch self {
        case .invalid(let text), .notFound(let text), .conflict(let text), .tooLong(let text): text
        }
    }
}
