import Foundation

/// Standard output, which carries data only.
enum Output {
    /// Writes one line, unbuffered.
    static func line(_ text: String) throws {
        try FileHandle.standardOutput.write(contentsOf: Data("\(text)\n".utf8))
    }

    /// Writes one JSON object on one line, keys in snake_case and sorted.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try Self.line(String(decoding: encoder.encode(value), as: UTF8.self))
    }
}
