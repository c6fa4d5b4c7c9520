package import Postgres

/// What an operator keeps back, until somebody resumes it: one destination, or everything. Every claim looks for it.
package struct OperatorPause: Sendable, Hashable, Encodable {
    /// Both are nil when everything is paused.
    package let exchange: String?
    package let routingKey: String?
    package let reason: String
    package let pausedBy: String
    package let pausedAt: PostgresTimestamp

    /// The whole relay first, then the oldest.
    ///
    /// - Throws: `PostgresError`.
    package static func list(in session: PostgresSession) throws -> [Self] {
        try session.query(Self.all) { row in
            let (exchange, routingKey, reason, pausedBy, pausedAt) = try row.decode(
                String?.self, String?.self, String.self, String.self, PostgresTimestamp.self
            )
            return Self(
                exchange: exchange, routingKey: routingKey, reason: reason, pausedBy: pausedBy, pausedAt: pausedAt
            )
        }
    }

    /// Pauses; the batches under way are finished, and nothing of it is claimed after that.
    ///
    /// - Parameters:
    ///   - destination: which; nil for the whole relay.
    ///   - attribution: who, and why.
    ///   - session: with no transaction open.
    /// - Throws: `OperationError.conflict` when it is paused already; `PostgresError`.
    package static func pause(
        _ destination: Destination?, _ attribution: Attribution, in session: PostgresSession
    ) throws {
        let parameters = destination.parameters + [.text(attribution.reason), .text(attribution.by)]
        try session.transaction {
            guard try session.execute(Self.insert, parameters) == 1 else {
                throw OperationError.conflict("\(destination.name) is paused already")
            }
            try OperatorAction.record(.pause, attribution, Details(destination), in: session)
        }
    }

    /// Ends a pause: events flow within a poll.
    ///
    /// - Parameters: as of ``pause(_:_:in:)``. Resuming the whole relay leaves pauses of single destinations as they are.
    /// - Throws: `OperationError.conflict` when it is not paused; `PostgresError`.
    package static func resume(
        _ destination: Destination?, _ attribution: Attribution, in session: PostgresSession
    ) throws {
        try session.transaction {
            guard try session.execute(Self.delete, destination.parameters) == 1 else {
                throw OperationError.conflict("\(destination.name) is not paused")
            }
            try OperatorAction.record(.resume, attribution, Details(destination), in: session)
        }
    }

    private struct Details: Encodable {
        let exchange: String?
        let routingKey: String?

        init(_ destination: Destination?) {
            self.exchange = destination?.exchange
            self.routingKey = destination?.routingKey
        }
    }

    private static let all = PostgresStatement(
        "operations.pauses",
        """
        SELECT exchange, routing_key, reason, paused_by, paused_at FROM skillrelay.pauses
        ORDER BY exchange IS NULL DESC, paused_at
        """,
        isReadOnly: true
    )

    private static let insert = PostgresStatement(
        "operations.pause",
        """
        INSERT INTO skillrelay.pauses (exchange, routing_key, reason, paused_by) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """
    )

    private static let delete = PostgresStatement(
        "operations.resume",
        """
        DELETE FROM skillrelay.pauses
        WHERE exchange IS NOT DISTINCT FROM $1::text AND routing_key IS NOT DISTINCT FROM $2::text
        """
    )
}

extension Destination? {
    fileprivate var parameters: [PostgresValue] {
        [.optional(self?.exchange, PostgresValue.text), .optional(self?.routingKey, PostgresValue.text)]
    }

    fileprivate var name: String {
        self.map { "exchange \($0.exchange.debugDescription), routing key \($0.routingKey.debugDescription)" }
            ?? "the whole relay"
    }
}
