import Crypto

/// One step of the schema: plain SQL, applied once, in one transaction.
public struct PostgresMigration: Sendable {
    /// Unique, e.g. `m0001_outbox`.
    public let name: String
    /// Any number of statements, without BEGIN and COMMIT.
    public let sql: String

    /// Names a step.
    public init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }

    /// SHA-256 of the SQL in hexadecimal.
    var checksum: String {
        SHA256.hash(data: Array(self.sql.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
