import Foundation
import Postgres

extension OwedEvents {
    /// Writes what is owed, in one transaction: takes delivered events off the pending list, marks those that may have been sent. Doing it
    /// again changes nothing, so a lost reply is no matter.
    ///
    /// - Returns: the ids whose rows are held by another transaction, and so still pending.
    /// - Throws: `PostgresError`; everything is still owed then.
    func write(on connection: PostgresConnection) async throws -> Set<UUID> {
        let delivered: [PostgresValue] = [
            .uuidArray(Array(self.delivered.keys)), .int8Array(Array(self.delivered.values)),
        ]
        let marked: [PostgresValue] = [.int8(self.lastSequence), .uuidArray(Array(self.maybeSent))]
        let pending = try await connection.perform { session in
            try session.begin()
            try session.execute(Self.complete, delivered)
            try session.execute(Self.mark, marked)
            let pending = try session.query(Self.pending, delivered + marked) { row in try row.decode(UUID.self) }
            try session.commit()
            return pending
        }
        return Set(pending)
    }

    // SKIP LOCKED, here and below: a row that is locked is published and settled by whoever holds it.
    private static let complete = PostgresStatement(
        "outbox.complete_owed",
        """
        WITH owed AS MATERIALIZED (
            SELECT seq FROM skillrelay.outbox_pending AS p
            JOIN unnest($1::uuid[], $2::bigint[]) AS o (id, place) ON p.id = o.id AND p.seq <= o.place
            FOR UPDATE OF p SKIP LOCKED
        ), completed AS (
            DELETE FROM skillrelay.outbox_pending AS p USING owed WHERE p.seq = owed.seq RETURNING p.id
        )
        INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids)
        SELECT ids[1], ids[cardinality(ids)], ids
        FROM (SELECT array_agg(id ORDER BY id) AS ids FROM completed) AS batch
        WHERE ids IS NOT NULL
        """
    )

    private static let mark = PostgresStatement(
        "outbox.mark_owed",
        """
        UPDATE skillrelay.outbox_pending AS p
        SET maybe_sent = true
        FROM (
            SELECT seq FROM skillrelay.outbox_pending
            WHERE seq <= $1 AND id = ANY($2::uuid[]) AND NOT maybe_sent
            FOR UPDATE SKIP LOCKED
        ) AS owed
        WHERE p.seq = owed.seq
        """
    )

    private static let pending = PostgresStatement(
        "outbox.pending_owed",
        """
        SELECT p.id FROM skillrelay.outbox_pending AS p
        JOIN unnest($1::uuid[], $2::bigint[]) AS o (id, place) ON p.id = o.id AND p.seq <= o.place
        UNION ALL
        SELECT id FROM skillrelay.outbox_pending WHERE seq <= $3 AND id = ANY($4::uuid[]) AND NOT maybe_sent
        """
    )
}
