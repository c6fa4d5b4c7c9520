import Foundation
import Outbox

/// Standard output, which carries data only.
enum Output {
    /// Writes one line, unbuffered. What is no printable character is escaped: no text of an event, a broker or an operator may move the cursor.
    static func line(_ text: String) throws {
        try Self.write(text.printable)
    }

    /// Writes one JSON object on one line, keys in snake_case and sorted.
    static func json(_ value: some Encodable) throws {
        try Self.write(Self.text(value))
    }

    /// A value as `json` writes it.
    static func text(_ value: some Encodable) throws -> String {
        try OperatorJSON.text(value)
    }

    private static func write(_ line: String) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data("\(line)\n".utf8))
        } catch {
            throw OutputError(error)
        }
    }
}

/// Nobody takes what is written: the reader has gone, or the disk is full.
struct OutputError: Error, CustomStringConvertible {
    let description: String

    init(_ error: any Error) {
        let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        let reason = cause.map { String(cString: strerror(Int32($0.code))) } ?? "\(error)"
        self.description = "standard output cannot be written: \(reason)"
    }
}
