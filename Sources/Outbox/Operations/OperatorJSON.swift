import Foundation

/// How everything that operators ask for is written: by the command line, the API and the audit trail.
package enum OperatorJSON {
    /// One line, keys in snake_case and sorted; what is nil is left out.
    ///
    /// - Throws: `EncodingError` for a number that JSON has no way to say.
    package static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
