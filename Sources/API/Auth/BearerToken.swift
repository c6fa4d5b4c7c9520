import Foundation

/// A project's API key, `<prefix><secret>`, in either of upstream's two forms (contract.md §3.1).
package struct BearerToken: Sendable {
    /// What is hashed to look the project up and to verify it.
    package let lookupSecret: String

    /// - Returns: nil when `text` does not begin with the prefix.
    package init?(_ text: String, prefix: String) {
        guard text.utf8.starts(with: prefix.utf8) else { return nil }
        let secret = String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
        self.lookupSecret = Self.wrappedLookupSecret(secret) ?? secret
    }

    /// Reads the value of `Authorization`: the word `Bearer`, case-sensitive, one space, the token.
    init?(authorization header: String, prefix: String) {
        let scheme = "Bearer "
        guard header.utf8.starts(with: scheme.utf8) else { return nil }
        self.init(String(decoding: header.utf8.dropFirst(scheme.utf8.count), as: UTF8.self), prefix: prefix)
    }

    /// A new token of the plain form: the prefix and 43 random URL-safe characters (256 bits), which is too short to
    /// be taken for the other form.
    package static func generate(prefix: String) -> String {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let text = Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        return prefix + text
    }

    /// The form of newer Acontexts: 76 characters of unpadded base64url; a version byte 1, sixteen bytes that stand
    /// for the secret, and a wrapped encryption key, which is no concern of ours.
    private static func wrappedLookupSecret(_ secret: String) -> String? {
        guard secret.utf8.count == 76, !secret.contains("+"), !secret.contains("/"),
            let data = Data(base64Encoded: secret.replacing("-", with: "+").replacing("_", with: "/")),
            data.count == 57, data.first == 0x01
        else { return nil }
        return hexadecimal(data[1...16])
    }
}

/// Two lowercase digits a byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
}
