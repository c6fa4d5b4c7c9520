import Crypto
import Foundation

/// The token of the operator's endpoints, as what it takes to recognise it.
package struct OperatorToken: Sendable {
    private let digest: SHA256.Digest

    /// Shorter ones are not safe from guessing.
    package static let minBytes = 16

    /// - Parameter text: `minBytes` or more of visible ASCII.
    package init(_ text: String) {
        self.digest = SHA256.hash(data: Data(text.utf8))
    }

    /// Whether the value of an `Authorization` header is this token's, in a time that says nothing of how much of it is right.
    func matches(authorization: String?) -> Bool {
        let scheme = "Bearer "
        guard let authorization, authorization.utf8.starts(with: scheme.utf8) else { return false }
        // Digests of one length, and their `==` looks at all of it.
        return SHA256.hash(data: Data(authorization.utf8.dropFirst(scheme.utf8.count))) == self.digest
    }
}
