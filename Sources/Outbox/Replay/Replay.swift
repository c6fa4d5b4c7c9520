package import Foundation
package import Postgres

/// A run that queues events again: asked for by an operator, done by the ``ReplayRunner`` of a relay.
package struct Replay: Sendable, Hashable, Encodable {
    package enum Kind: String, Sendable, Encodable {
        /// Of events that were delivered, or are dead.
        case replay
        /// Of dead events.
        case retry
    }

    package enum State: String, Sendable, Encodable {
        case running
        /// None of its events is pending any more.
        case done
        /// By an operator. What was queued before goes out.
        case cancelled
        /// An event could not be queued; `error` says why.
        case failed
    }

    package let id: String
    package let kind: String
    package let state: String
    package let requestedBy: String
    package let requestedAt: PostgresTimestamp
    package let reason: String
    package let filter: EventFilter
    /// Events are written again, under ids of their own.
    package let asNew: Bool
    /// Events a second; nil: as fast as they go out.
    package let rate: Int?
    /// What matched when it was asked for.
    package let total: Int
    package let queued: Int
    /// Of the total: no longer matching when their turn came, as when they are pending again for another run, or too large for one more
    /// header. Known when it is done.
    package let skipped: Int
    /// Of those queued; known when it is done, unless counting took too long.
    package let died: Int?
    package let finishedAt: PostgresTimestamp?
    package let cancelledBy: String?
    package let error: String?

    package var isFinished: Bool { self.state != State.running.rawValue }

    /// - Throws: `OperationError.notFound`, `PostgresError`.
    package static func find(_ id: UUID, in session: PostgresSession) throws -> Self {
        guard let run = try session.query(Self.one, [.uuid(id)], decode: Self.init(row:)).first else {
            throw OperationError.notFound("there is no run \(id.lowercased)")
        }
        return run
    }

    /// The latest first.
    ///
    /// - Throws: `PostgresError`.
    package static func list(limit: Int, in session: PostgresSession) throws -> [Self] {
        try session.query(Self.latest, [.int8(Int64(limit))], decode: Self.init(row:))
    }

    /// Ends a run early. What it has queued, two chunks at most, still goes out.
    ///
    /// - Parameters:
    ///   - id: of the run.
    ///   - attribution: who, and why.
    ///   - session: with no transaction open.
    /// - Returns: the run as it is then.
    /// - Throws: `OperationError.notFound`, `.conflict` when it is finished; `PostgresError`.
    package static func cancel(_ id: UUID, _ attribution: Attribution, in session: PostgresSession) throws -> Self {
        try session.transaction {
            let isCancelled = try session.execute(Self.end, [.uuid(id), .text(attribution.by)]) == 1
            let run = try Self.find(id, in: session)
            guard isCancelled else { throw OperationError.conflict("run \(run.id) is \(run.state)") }
            try OperatorAction.record(
                .cancel, attribution, CancelDetails(replay: run.id, queued: run.queued), in: session
            )
            return run
        }
    }

    private struct CancelDetails: Encodable {
        let replay: String
        let queued: Int
    }

    private init(row: borrowing PostgresRow) throws {
        let (
            id, kind, state, requestedBy, requestedAt, reason, filter, asNew, rate, total, queued, skipped, died,
            finishedAt, cancelledBy, error
        ) = try row.decode(
            UUID.self, String.self, String.self, String.self, PostgresTimestamp.self, String.self, String.self,
            Bool.self, Int?.self, Int.self, Int.self, Int.self, Int?.self, PostgresTimestamp?.self, String?.self,
            String?.self
        )
        self.id = id.lowercased
        self.kind = kind
        self.state = state
        self.requestedBy = requestedBy
        self.requestedAt = requestedAt
        self.reason = reason
        self.filter = try JSONDecoder().decode(EventFilter.self, from: Data(filter.utf8))
        self.asNew = asNew
        self.rate = rate
        self.total = total
        self.queued = queued
        self.skipped = skipped
        self.died = died
        self.finishedAt = finishedAt
        self.cancelledBy = cancelledBy
        self.error = error
    }

    private static let columns = """
        id, kind, state, requested_by, requested_at, reason, filter::text, as_new, rate, total, queued, skipped, died,
        finished_at, cancelled_by, error
        """

    private static let one = PostgresStatement(
        "replay.find", "SELECT \(Self.columns) FROM skillrelay.replays WHERE id = $1", isReadOnly: true)

    private static let latest = PostgresStatement(
        "replay.list", "SELECT \(Self.columns) FROM skillrelay.replays ORDER BY id DESC LIMIT $1", isReadOnly: true)

    private static let end = PostgresStatement(
        "replay.cancel",
        """
        UPDATE skillrelay.replays SET state = 'cancelled', finished_at = now(), cancelled_by = $2
        WHERE id = $1 AND state = 'running'
        """
    )
}
