package import Postgres

/// Dead events that an operator gives up: they stay in the outbox and in its history, and nobody is told of them any more.
package enum Discard {
    /// The filter, of dead events.
    ///
    /// - Throws: `OperationError.invalid` when it names another state.
    package static func filter(_ filter: EventFilter) throws -> EventFilter {
        try filter.restricted(to: [.dead], for: "discard")
    }

    /// Discards every dead event that fits.
    ///
    /// - Parameters:
    ///   - filter: of dead events; it may name no other state.
    ///   - attribution: who, and why.
    ///   - session: with no transaction open; its statement timeout must allow for reading all that fits.
    ///   - confirm: is told how many it would be, and throws when that is too many.
    /// - Returns: how many.
    /// - Throws: `OperationError.notFound` when there is none, `.tooLong`; `PostgresError`; what `confirm` throws.
    package static func run(
        _ filter: EventFilter, _ attribution: Attribution, in session: PostgresSession,
        confirm: (Int) throws -> Void = { _ in }
    ) throws -> Int {
        let filter = try Self.filter(filter)
        let selection = EventSelection(filter, firstParameter: 3)
        return try session.transaction {
            try filter.checkIDs(in: session)
            let count = try session.search(
                Self.statement(selection), [.text(attribution.by), .text(attribution.reason)] + selection.parameters
            ) { row in try row.decode(Int.self) }[0]
            guard count > 0 else { throw OperationError.notFound("no dead event fits") }
            try confirm(count)
            try OperatorAction.record(
                .discard, attribution, Details(filter: filter, discarded: count), in: session
            )
            return count
        }
    }

    private struct Details: Encodable {
        let filter: EventFilter
        let discarded: Int
    }

    private static func statement(_ selection: EventSelection) -> PostgresStatement {
        PostgresStatement(
            "operations.discard",
            """
            WITH fitting AS MATERIALIZED (
                SELECT o.id FROM \(selection.source) WHERE \(selection.condition)
            ), taken AS MATERIALIZED (
                SELECT id FROM skillrelay.outbox_dead WHERE id IN (SELECT id FROM fitting) ORDER BY id FOR UPDATE
            ), discarded AS (
                DELETE FROM skillrelay.outbox_dead WHERE id IN (SELECT id FROM taken)
                RETURNING id, attempts, last_error, died_at
            ), kept AS (
                INSERT INTO skillrelay.outbox_discarded (id, attempts, last_error, died_at, discarded_by, reason)
                SELECT id, attempts, last_error, died_at, $1, $2 FROM discarded
                ON CONFLICT (id) DO UPDATE
                SET attempts = EXCLUDED.attempts, last_error = EXCLUDED.last_error, died_at = EXCLUDED.died_at,
                    discarded_at = EXCLUDED.discarded_at, discarded_by = EXCLUDED.discarded_by, reason = EXCLUDED.reason
            )
            SELECT count(*) FROM discarded
            """
        )
    }
}
