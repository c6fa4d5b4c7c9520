import Crypto
import Foundation
import HTTPTypes
import Hummingbird

/// Reads the key by which a client names a request, so that it may repeat it
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
enum IdempotencyKeyHeader {
    static let maxLength = 255

    /// The key, from a string of RFC 8941 (§3.3.3), as the draft has it, or from the bare text that most clients send: `"a"` and `a` are
    /// one key.
    ///
    /// - Returns: nil when there is no such header.
    /// - Throws: `RequestError.invalidIdempotencyKey`.
    static func key(in headers: HTTPFields) throws(RequestError) -> String? {
        let values = headers[values: .idempotencyKey]
        guard let value = values.first else { return nil }
        guard values.count == 1, let key = value.first == "\"" ? Self.unquote(value) : value,
            (1...Self.maxLength).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .invalidIdempotencyKey }
        return key
    }

    /// What stands between the quotes; nil unless the closing one is the end.
    private static func unquote(_ text: String) -> String? {
        var key = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            switch character {
            case "\"": return rest.isEmpty ? key : nil
            case "\\":
                guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
                key.append(escaped)
            default: key.append(character)
            }
        }
        return nil
    }

    /// 32 bytes by which two requests under one key are told apart: SHA-256 over method, path, query and body.
    static func fingerprint(of request: Request, body: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        // Neither a method nor a target can contain a space or a line feed.
        hash.update(data: Data("\(request.method.rawValue) \(request.uri.string)\n".utf8))
        hash.update(data: body)
        return Array(hash.finalize())
    }
}

extension HTTPField.Name {
    static let idempotencyKey = Self.token("Idempotency-Key")
    /// `true` on an answer that was given before.
    static let idempotencyReplayed = Self.token("Idempotency-Replayed")
}
