import Crypto
import Foundation

/// Hashes token secrets the way upstream stores them (contract.md §3.1).
package struct SecretHasher: Sendable {
    private let pepper: String
    private let key: SymmetricKey

    /// - Parameter pepper: secret; the same for every service on one database.
    package init(pepper: String) {
        self.pepper = pepper
        self.key = SymmetricKey(data: Data(pepper.utf8))
    }

    /// 64 lowercase hexadecimal digits under which the project is found: HMAC-SHA256 of the secret, keyed with the
    /// pepper.
    package func hmac(_ secret: String) -> String {
        hexadecimal(HMAC<SHA256>.authenticationCode(for: Array(secret.utf8), using: self.key))
    }

    /// A new Argon2id hash with a random salt, in PHC string format, with upstream's parameters.
    ///
    /// Slow on purpose (tens of milliseconds, 16 MiB): not for the cooperative pool of a busy server.
    ///
    /// - Throws: `Argon2Error` when the library cannot get its memory.
    package func phc(_ secret: String) throws -> String {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return try Argon2.hash(self.peppered(secret), salt: salt)
    }

    /// Whether `phc` is a hash of this secret. A malformed one, or one beyond the bounds of `Argon2.isAffordable`, is
    /// of none.
    ///
    /// As slow as `phc(_:)`.
    package func verify(_ secret: String, phc: String) -> Bool {
        Argon2.isAffordable(phc) && Argon2.verify(self.peppered(secret), phc: phc)
    }

    private func peppered(_ secret: String) -> [UInt8] {
        Array((secret + self.pepper).utf8)
    }
}
