import Foundation
import Postgres

/// A batch of events whose rows this relay holds locked, in a transaction that stays open while they are published.
///
/// A relay that dies frees its rows at once, because its transaction dies: there is no lease to expire. The relay connection's
/// `idle_in_transaction_session_timeout` is the backstop for one that hangs.
struct Claim: ~Copyable {
    /// None: then no transaction is open, and there is nothing to settle.
    let events: [ClaimedEvent]
    let reach: ClaimReach
    /// Pending rows whose event is gone, dropped by hand with its partition: parked, so that they are not claimed for ever.
    let orphans: [Settlement.Dead]
    /// What an operator keeps back: none of it was claimed.
    let held: HeldDestinations
    private let connection: PostgresConnection

    /// Which destinations' events to claim.
    enum Scope {
        case allBut([Destination])
        case only(Destination)
    }

    /// Claims what is due, oldest first.
    ///
    /// - Parameters:
    ///   - scope: which destinations.
    ///   - range: where to look. Whatever is in there is walked over: live rows, and dead ones that are not yet vacuumed.
    ///   - limit: events at most.
    ///   - bytes: payloads, headers and their frames together, at most; one larger event travels alone.
    ///   - connection: the relay's own, until the claim is settled.
    /// - Returns: the claim, to be settled.
    /// - Throws: `PostgresError`.
    static func take(
        _ scope: Scope,
        in range: ClaimRange,
        limit: Int,
        bytes: Int,
        on connection: PostgresConnection
    ) async throws -> Claim {
        let (events, reach, orphans, held) = try await connection.perform { session in
            try session.begin(locally: Self.planning)
            let rows = try session.query(
                Self.statement,
                [.int8(Int64(limit)), .int8(Int64(bytes)), .int8(range.after), .int8(range.through)] + scope.parameters,
                decode: Row.init(row:)
            )
            let orphans = rows.compactMap(\.orphan)
            if !orphans.isEmpty { try session.execute(Self.park, Settlement(dead: orphans).deadParameters) }
            let events = rows.compactMap(\.event)
            if events.isEmpty { try session.commit() }
            // The answer has one row at least.
            let held = try HeldDestinations(json: rows[0].held)
            return (events, ClaimReach(rows, in: range, limit: limit), orphans, held)
        }
        return Claim(events: events, reach: reach, orphans: orphans, held: held, connection: connection)
    }

    private init(
        events: [ClaimedEvent],
        reach: ClaimReach,
        orphans: [Settlement.Dead],
        held: HeldDestinations,
        connection: PostgresConnection
    ) {
        self.events = events
        self.reach = reach
        self.orphans = orphans
        self.held = held
        self.connection = connection
    }

    // With statistics from a quiet time the planner would take the slice for a few rows, and sort all of it for each claim.
    static let planning = "enable_bitmapscan = off"

    // SKIP LOCKED lets any number of relays work side by side: it relies on a row staying locked until its batch is settled. LATERAL
    // with OFFSET 0 makes the planner look each event up by key whatever its statistics say of a backlog that comes and goes. The greatest
    // place is of the claim's own snapshot: a row that commits after it and is beyond it is not passed over.
    static let statement = PostgresStatement(
        "outbox.claim",
        """
        WITH held AS MATERIALIZED (
            SELECT exchange, routing_key FROM skillrelay.pauses
        ), claimed AS MATERIALIZED (
            SELECT seq, id, attempts, maybe_sent, replay_id
            FROM skillrelay.outbox_pending
            WHERE seq > $3 AND seq <= $4 AND next_attempt_at <= now()
                AND NOT EXISTS (SELECT FROM held WHERE exchange IS NULL)
                AND (exchange, routing_key) NOT IN (SELECT * FROM held WHERE exchange IS NOT NULL)
                AND ((exchange, routing_key) IN (SELECT * FROM unnest($6::text[], $7::text[]))) = $5
            ORDER BY seq
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        ), sized AS (
            SELECT claimed.seq, claimed.id AS pending_id, claimed.attempts, claimed.maybe_sent, claimed.replay_id, event.*,
                row_number() OVER (ORDER BY claimed.seq) AS place,
                sum(octet_length(event.payload) + octet_length(event.headers::text) + 512) OVER (ORDER BY claimed.seq)
                    AS bytes_through
            FROM claimed
            LEFT JOIN LATERAL (SELECT * FROM skillrelay.outbox WHERE outbox.id = claimed.id OFFSET 0) AS event ON true
        ), fitting AS (
            SELECT * FROM sized WHERE place = 1 OR id IS NULL OR bytes_through <= $2
        ), found AS (
            SELECT count(*) AS count FROM claimed
        )
        SELECT found.count, CASE WHEN found.count < $1 THEN (
                SELECT max(seq) FROM skillrelay.outbox_pending WHERE seq > $3 AND seq <= $4
            ) END, (SELECT last_value FROM skillrelay.outbox_pending_seq_seq),
            (SELECT json_agg(json_build_array(exchange, routing_key))::text FROM held),
            seq, pending_id, attempts, maybe_sent, replay_id,
            id, exchange, routing_key, type, payload, headers::text, created_at
        FROM found LEFT JOIN fitting ON true
        ORDER BY seq
        """
    )

    /// Writes what became of the batch and commits: delivered events leave the pending list, and only they do.
    ///
    /// - Returns: when that was, for the delivered ones; nil without any.
    /// - Throws: `PostgresError`; the rows are then free for another claim and what was delivered is sent again, so the caller
    ///   must not go on with this connection.
    @discardableResult
    consuming func settle(_ settlement: Settlement) async throws -> PostgresTimestamp? {
        try await self.connection.perform { session in
            var confirmedAt: PostgresTimestamp?
            if !settlement.delivered.isEmpty {
                confirmedAt = try session.query(Self.complete, settlement.deliveredParameters) { row in
                    try row.decode(PostgresTimestamp.self)
                }.first
            }
            if !settlement.retries.isEmpty {
                try session.execute(Self.postpone, settlement.retryParameters)
            }
            if !settlement.dead.isEmpty {
                try session.execute(Self.park, settlement.deadParameters)
            }
            PausePoint.markBeforeCommit.reach()
            try session.commit()
            return confirmedAt
        }
    }

    private static let complete = PostgresStatement(
        "outbox.complete",
        """
        WITH completed AS (DELETE FROM skillrelay.outbox_pending WHERE seq = ANY($1::bigint[]))
        INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids) VALUES ($2, $3, $4) RETURNING confirmed_at
        """
    )

    // The database's clock says when, so that a relay's own clock does not matter.
    private static let postpone = PostgresStatement(
        "outbox.postpone",
        """
        UPDATE skillrelay.outbox_pending AS p
        SET attempts = r.attempts, maybe_sent = r.maybe_sent = 1, last_error = r.error,
            next_attempt_at = clock_timestamp() + r.delay_ms * interval '1 millisecond'
        FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::int[], $5::text[])
            AS r (seq, attempts, delay_ms, maybe_sent, error)
        WHERE p.seq = r.seq
        """
    )

    private static let park = PostgresStatement(
        "outbox.park",
        """
        WITH parked AS (DELETE FROM skillrelay.outbox_pending WHERE seq = ANY($1::bigint[]))
        INSERT INTO skillrelay.outbox_dead (id, attempts, last_error)
        SELECT * FROM unnest($2::uuid[], $3::int[], $4::text[])
        ON CONFLICT (id) DO UPDATE
        SET attempts = EXCLUDED.attempts, last_error = EXCLUDED.last_error, died_at = EXCLUDED.died_at
        """
    )
}

extension Claim.Scope {
    var parameters: [PostgresValue] {
        let (isIn, destinations): (Bool, [Destination]) =
            switch self {
            case .allBut(let destinations): (false, destinations)
            case .only(let destination): (true, [destination])
            }
        return [
            .bool(isIn), .textArray(destinations.map(\.exchange)), .textArray(destinations.map(\.routingKey)),
        ]
    }
}

/// What one row of the answer says: of the claim, and of a pending row, with its event or without, unless none was found.
private struct Row {
    /// Rows that the claim has locked, also those that its bound of bytes has left out.
    let foundCount: Int
    /// The last row of the range, whether due or not; not asked for when as many as wanted were found.
    let greatest: Int64?
    /// The last place that was given away.
    let lastPlace: Int64
    let held: String?
    let sequence: Int64?
    var event: ClaimedEvent?
    var orphan: Settlement.Dead?

    init(row: borrowing PostgresRow) throws {
        let (
            foundCount, greatest, lastPlace, held, sequence, pendingID, attempts, maybeSent, replayID, id, exchange,
            routingKey, type, payload, headers, createdAt
        ) = try row.decode(
            Int.self, Int64?.self, Int64.self, String?.self, Int64?.self, UUID?.self, Int?.self, Bool?.self, UUID?.self,
            UUID?.self, String?.self, String?.self, String?.self, [UInt8]?.self, String?.self, PostgresTimestamp?.self
        )
        self.foundCount = foundCount
        self.greatest = greatest
        self.lastPlace = lastPlace
        self.held = held
        self.sequence = sequence
        guard let sequence, let pendingID, let attempts, let maybeSent else { return }
        guard let id, let exchange, let routingKey, let payload, let headers, let createdAt else {
            self.orphan = Settlement.Dead(
                sequence: sequence, id: pendingID, attempts: attempts, error: "its row in skillrelay.outbox is gone"
            )
            return
        }
        self.event = ClaimedEvent(
            sequence: sequence, id: id, exchange: exchange, routingKey: routingKey, type: type, payload: payload,
            headers: headers, createdAt: createdAt, attempts: attempts, maybeSent: maybeSent,
            replayID: replayID
        )
    }
}

extension ClaimReach {
    fileprivate init(_ rows: [Row], in range: ClaimRange, limit: Int) {
        let answer = rows[0]
        let places = rows.compactMap(\.sequence)
        self.isCut = places.count < answer.foundCount
        self.isFull = self.isCut || answer.foundCount == limit
        self.isAtHead = answer.lastPlace <= range.through
        self.isVoid = !self.isFull && answer.greatest == nil
        if self.isCut {
            self.through = rows.last { $0.event != nil }?.sequence ?? range.after
        } else if self.isFull {
            self.through = places.last ?? range.after
        } else {
            self.through = self.isAtHead ? answer.greatest ?? range.after : range.through
        }
    }
}

extension Settlement {
    fileprivate var deliveredParameters: [PostgresValue] {
        // By their bytes, as PostgreSQL orders uuids.
        let ids = self.delivered.map(\.id).sorted()
        return [
            .int8Array(self.delivered.map(\.sequence)), .uuid(ids[0]), .uuid(ids[ids.count - 1]), .uuidArray(ids),
        ]
    }

    fileprivate var retryParameters: [PostgresValue] {
        [
            .int8Array(self.retries.map(\.sequence)), .int4Array(self.retries.map { Int32(clamping: $0.attempts) }),
            .int8Array(self.retries.map { Int64($0.delay / .milliseconds(1)) }),
            .int4Array(self.retries.map { $0.maybeSent ? 1 : 0 }), .textArray(self.retries.map(\.error)),
        ]
    }

    fileprivate var deadParameters: [PostgresValue] {
        [
            .int8Array(self.dead.map(\.sequence)), .uuidArray(self.dead.map(\.id)),
            .int4Array(self.dead.map { Int32(clamping: $0.attempts) }), .textArray(self.dead.map(\.error)),
        ]
    }
}
