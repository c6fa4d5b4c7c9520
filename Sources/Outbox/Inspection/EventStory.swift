package import Foundation
package import Postgres

/// All that is known of one event.
package struct EventStory: Sendable, Encodable {
    package let event: EventSummary
    package let headers: JSONValue
    /// Nil when it is no UTF-8.
    package let payload: String?
    /// Base64; only then.
    package let payloadBase64: String?
    /// An earlier publish may have reached the broker; of a pending event.
    package let maybeSent: Bool
    /// What has happened to it, in order.
    package let story: [Chapter]

    package struct Chapter: Sendable, Hashable, Encodable {
        package enum Kind: String, Sendable, Encodable {
            case written
            /// By the broker.
            case confirmed
            /// By a run, to be sent again; under `newId`, if that is set.
            case queued
            case died
            case discarded
        }

        package let at: PostgresTimestamp
        package let what: Kind
        package let replayId: String?
        package let newId: String?
        package let by: String?
        package let reason: String?
        package let error: String?
    }

    /// Reads one event and its history.
    ///
    /// - Throws: `OperationError.notFound` for an unknown id; `PostgresError`.
    package static func read(_ id: UUID, in session: PostgresSession) throws -> EventStory {
        let head = try session.query(Self.head, [.uuid(id)], decode: EventSummary.init(row:)).first
        let rest = try session.query(Self.rest, [.uuid(id)]) { row in
            try row.decode(String.self, [UInt8].self, Bool.self)
        }.first
        guard let head, let (headers, payload, maybeSent) = rest else {
            throw OperationError.notFound("there is no event \(id.lowercased)")
        }
        let text = String(validating: payload, as: UTF8.self)
        let written = Chapter(
            at: head.createdAt, what: .written, replayId: nil, newId: nil, by: nil, reason: nil, error: nil
        )
        return EventStory(
            event: head, headers: try JSONValue(text: headers), payload: text,
            payloadBase64: text == nil ? Data(payload).base64EncodedString() : nil, maybeSent: maybeSent,
            story: [written] + (try session.query(Self.chapters, [.uuid(id)], decode: Chapter.init(row:)))
        )
    }

    private static let head = PostgresStatement(
        "inspection.event",
        """
        WITH event AS (
            SELECT *, octet_length(payload) AS payload_bytes,
                substring(payload FROM 1 FOR \(EventSummary.startBytes)) AS payload_start
            FROM skillrelay.outbox WHERE id = $1
        )
        \(EventSummary.select(from: "event"))
        """,
        isReadOnly: true
    )

    private static let rest = PostgresStatement(
        "inspection.payload",
        """
        SELECT headers::text, payload, coalesce((SELECT maybe_sent FROM skillrelay.outbox_pending WHERE id = $1), false)
        FROM skillrelay.outbox WHERE id = $1
        """,
        isReadOnly: true
    )

    /// The condition for batches, of deliveries or of a run, that have the event `id` in them: few are there whose range of ids has it.
    static func batch(_ batch: String, has id: String) -> String {
        "\(batch).greatest >= \(id) AND \(batch).least <= \(id) AND \(id) = ANY(\(batch).ids)"
    }

    private static let chapters = PostgresStatement(
        "inspection.story",
        """
        SELECT d.confirmed_at AS at, 'confirmed', NULL::uuid, NULL::uuid, NULL::text, NULL::text, NULL::text
        FROM skillrelay.outbox_deliveries AS d
        WHERE \(Self.batch("d", has: "$1"))
        UNION ALL
        SELECT b.queued_at, 'queued', b.replay_id, b.new_ids[array_position(b.ids, $1)], r.requested_by, r.reason, NULL
        FROM skillrelay.replay_batches AS b LEFT JOIN skillrelay.replays AS r ON r.id = b.replay_id
        WHERE \(Self.batch("b", has: "$1"))
        UNION ALL
        SELECT died_at, 'died', NULL, NULL, NULL, NULL, last_error FROM skillrelay.outbox_dead WHERE id = $1
        UNION ALL
        SELECT died_at, 'died', NULL, NULL, NULL, NULL, last_error FROM skillrelay.outbox_discarded WHERE id = $1
        UNION ALL
        SELECT discarded_at, 'discarded', NULL, NULL, discarded_by, reason, NULL
        FROM skillrelay.outbox_discarded WHERE id = $1
        ORDER BY at
        """,
        isReadOnly: true
    )
}

extension EventStory.Chapter {
    fileprivate init(row: borrowing PostgresRow) throws {
        let (at, what, replay, new, by, reason, error) = try row.decode(
            PostgresTimestamp.self, String.self, UUID?.self, UUID?.self, String?.self, String?.self, String?.self
        )
        self.at = at
        self.what = Kind(rawValue: what) ?? .confirmed
        self.replayId = replay?.lowercased
        self.newId = new?.lowercased
        self.by = by
        self.reason = reason
        self.error = error
    }
}
