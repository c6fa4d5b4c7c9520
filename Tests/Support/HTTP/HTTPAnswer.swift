import Foundation

/// What a server sent back.
package struct HTTPAnswer: Sendable {
    package let status: Int
    /// Names in lower case; of repeated ones the last.
    package let headers: [String: String]
    package let body: [UInt8]

    package var text: String { String(decoding: self.body, as: UTF8.self) }

    /// The body as JSON.
    package func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(self.body))
        } catch {
            throw TestError("not a \(type): \(self.status) \(self.text) (\(error))")
        }
    }
}
