import CArgon2

/// The calls to libargon2 (<https://github.com/P-H-C/phc-winner-argon2>); the only file that makes them.
enum Argon2 {
    // Upstream's parameters.
    private static let kibibytes: UInt32 = 16_384
    private static let passes: UInt32 = 2
    private static let lanes: UInt32 = 1
    private static let keyBytes = 32

    /// An Argon2id hash in PHC string format.
    static func hash(_ password: [UInt8], salt: [UInt8]) throws(Argon2Error) -> String {
        let length = argon2_encodedlen(
            Self.passes, Self.kibibytes, Self.lanes, UInt32(salt.count), UInt32(Self.keyBytes), Argon2_id
        )
        var encoded = [CChar](repeating: 0, count: length)
        let code = argon2id_hash_encoded(
            Self.passes, Self.kibibytes, Self.lanes, password, password.count, salt, salt.count, Self.keyBytes,
            &encoded, encoded.count
        )
        guard code == ARGON2_OK.rawValue else { throw Argon2Error(code: code) }
        return String(decoding: encoded.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether `phc` is an Argon2id hash of this password; compared in constant time by the library.
    static func verify(_ password: [UInt8], phc: String) -> Bool {
        argon2id_verify(phc, password, password.count) == ARGON2_OK.rawValue
    }

    /// Whether checking this hash stays within bounds that one row of a table may claim: 64 MiB, 8 passes, 4 lanes, a
    /// key of 64 bytes. Verification takes these from the string, and the string from the database.
    static func isAffordable(_ phc: String) -> Bool {
        let parts = phc.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id", parts[2] == "v=19",
            parts[4].utf8.count <= 86, parts[5].utf8.count <= 86
        else { return false }
        let costs = parts[3].split(separator: ",", omittingEmptySubsequences: false)
        let bounds: [(name: String, most: Int)] = [("m=", 65_536), ("t=", 8), ("p=", 4)]
        return costs.count == bounds.count
            && zip(costs, bounds).allSatisfy { cost, bound in
                guard cost.hasPrefix(bound.name), let value = Int(cost.dropFirst(2)) else { return false }
                return (1...bound.most).contains(value)
            }
    }
}

/// What libargon2 reports: out of memory, for the parameters we pass.
package struct Argon2Error: Error, Hashable, Sendable {
    /// An `Argon2_ErrorCodes`.
    package let code: Int32
}
