/// How a log record becomes a line.
package enum LogFormat: String, CaseIterable, Sendable {
    /// For people: time, level, label, message, then `key=value` pairs.
    case text
    /// For machines: one JSON object a line with stable keys.
    case json

    /// The record's line, with its newline. Whatever the record holds, the line has no other.
    func line(_ record: LogRecord) -> String {
        switch self {
        case .text: record.textLine
        case .json: record.jsonLine
        }
    }
}
