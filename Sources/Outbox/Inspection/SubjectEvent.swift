package import Foundation
package import Postgres

/// An event, as they may see it whose row it tells of: what has become of it, and nothing of those who look after the outbox.
package struct SubjectEvent: Sendable {
    package let event: EventSummary
    /// When the broker has confirmed it, each time, in order.
    package let confirmations: [PostgresTimestamp]
    /// The runs that have queued it again, in order.
    package let replays: [Replay]

    package struct Replay: Sendable {
        package let id: UUID
        package let queuedAt: PostgresTimestamp
        /// Under which it was written once more, if it was not sent again under its own.
        package let newID: UUID?
    }

    /// Those events of one subject that are still kept, newest first.
    ///
    /// - Parameters:
    ///   - subject: the row that they tell of.
    ///   - cursor: the id after which to begin; nil: with the newest.
    ///   - limit: how many at most; nil for all.
    ///   - session: any; three statements are run on it.
    /// - Returns: each with its story.
    /// - Throws: `PostgresError`.
    package static func read(
        subject: UUID, after cursor: UUID?, limit: Int?, in session: PostgresSession
    ) throws -> [SubjectEvent] {
        let events = try session.query(
            Self.page, [.uuid(subject), .uuid(cursor ?? EventID.greatest), .optional(limit) { .int8(Int64($0)) }],
            decode: EventSummary.init(row:)
        )
        let ids = events.compactMap { UUID(uuidString: $0.id) }
        guard !ids.isEmpty else { return [] }
        let replays = Dictionary(
            grouping: try session.query(Self.replays, [.uuidArray(ids)]) { row in
                let (id, run, queuedAt, newID) = try row.decode(
                    UUID.self, UUID.self, PostgresTimestamp.self, UUID?.self)
                return (id: id, replay: Replay(id: run, queuedAt: queuedAt, newID: newID))
            }, by: \.id
        ).mapValues { $0.map(\.replay) }
        // It was sent once, and once more for each run that has queued it under its own id; the last time is still to come, or in vain,
        // unless it is delivered. So it is known when to stop looking.
        let sent = zip(events, ids).map { event, id in
            Int64((replays[id] ?? []).count { $0.newID == nil } + (event.state == .delivered ? 1 : 0))
        }
        let confirmations = Dictionary(
            grouping: try session.query(Self.confirmations, [.uuidArray(ids), .int8Array(sent)]) { row in
                let (id, at) = try row.decode(UUID.self, PostgresTimestamp.self)
                return (id: id, at: at)
            }, by: \.id
        ).mapValues { $0.map(\.at).sorted() }
        return zip(events, ids).map { event, id in
            SubjectEvent(event: event, confirmations: confirmations[id] ?? [], replays: replays[id] ?? [])
        }
    }

    private static let page = PostgresStatement(
        "inspection.subject",
        """
        WITH page AS MATERIALIZED (
            SELECT *, octet_length(payload) AS payload_bytes,
                substring(payload FROM 1 FOR \(EventSummary.startBytes)) AS payload_start
            FROM skillrelay.outbox WHERE subject = $1 AND id < $2
            ORDER BY id DESC
            LIMIT $3
        )
        \(EventSummary.select(from: "page"))
        ORDER BY page.id DESC
        """,
        isReadOnly: true
    )

    private static let replays = PostgresStatement(
        "inspection.subjectReplays",
        """
        SELECT e.id, b.replay_id, b.queued_at, b.new_ids[array_position(b.ids, e.id)]
        FROM unnest($1::uuid[]) AS e (id) JOIN skillrelay.replay_batches AS b ON \(EventStory.batch("b", has: "e.id"))
        ORDER BY b.batch
        """,
        isReadOnly: true
    )

    // The batch that has an event is among the first whose greatest id is not less: the LIMIT ends the walk there.
    private static let confirmations = PostgresStatement(
        "inspection.subjectConfirmations",
        """
        SELECT e.id, c.confirmed_at
        FROM unnest($1::uuid[], $2::bigint[]) AS e (id, sent)
        CROSS JOIN LATERAL (
            SELECT d.confirmed_at FROM skillrelay.outbox_deliveries AS d
            WHERE \(EventStory.batch("d", has: "e.id"))
            ORDER BY d.greatest
            LIMIT e.sent
        ) AS c
        """,
        isReadOnly: true
    )
}
