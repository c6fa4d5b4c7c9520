import Foundation
package import Postgres

/// One entry of the audit trail, in the transaction of what it tells of. Kept for good.
package struct OperatorAction: Sendable, Hashable, Encodable {
    package enum Kind: String, Sendable, Encodable {
        case replay, cancel, retry, discard, purge, pause, resume
    }

    package let at: PostgresTimestamp
    package let by: String
    package let action: String
    package let reason: String?
    /// What it was done to, and what came of it.
    package let details: JSONValue

    /// The latest first.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - session: of any connection.
    /// - Returns: so many entries, or all there are.
    /// - Throws: `PostgresError`.
    package static func list(limit: Int, in session: PostgresSession) throws -> [Self] {
        try session.query(Self.latest, [.int8(Int64(limit))]) { row in
            let (at, by, action, reason, details) = try row.decode(
                PostgresTimestamp.self, String.self, String.self, String?.self, String.self
            )
            return Self(at: at, by: by, action: action, reason: reason, details: try JSONValue(text: details))
        }
    }

    /// - Returns: the entry, for `complete`.
    @discardableResult
    static func record(
        _ kind: Kind, _ attribution: Attribution, _ details: some Encodable, in session: PostgresSession
    ) throws -> Int64 {
        let json = try OperatorJSON.text(details)
        return try session.query(
            Self.insert,
            [.text(attribution.by), .text(kind.rawValue), .text(attribution.reason), .json(json)]
        ) { row in try row.decode(Int64.self) }[0]
    }

    /// What came of it, for what takes more than one transaction: it is recorded before the first.
    static func complete(_ id: Int64, _ details: some Encodable, in session: PostgresSession) throws {
        try session.execute(Self.update, [.int8(id), .json(try OperatorJSON.text(details))])
    }

    private static let latest = PostgresStatement(
        "operations.actions",
        "SELECT at, by, action, reason, details::text FROM skillrelay.actions ORDER BY id DESC LIMIT $1",
        isReadOnly: true
    )

    private static let insert = PostgresStatement(
        "operations.act",
        "INSERT INTO skillrelay.actions (by, action, reason, details) VALUES ($1, $2, $3, $4) RETURNING id"
    )

    private static let update = PostgresStatement(
        "operations.complete", "UPDATE skillrelay.actions SET details = $2 WHERE id = $1")
}
