package import Foundation
package import Postgres

/// An event in a list.
package struct EventSummary: Sendable, Hashable, Encodable {
    package let id: String
    package let state: EventState
    package let exchange: String
    package let routingKey: String
    package let type: String?
    package let createdAt: PostgresTimestamp
    package let payloadBytes: Int
    /// The first bytes of the payload as text, whatever they are.
    package let payloadStart: String
    /// Not known of what was delivered.
    package let attempts: Int?
    package let lastError: String?
    /// Of a pending event that waits for it.
    package let nextAttemptAt: PostgresTimestamp?
    /// Of a pending event that was queued again.
    package let queuedAt: PostgresTimestamp?
    /// The run that has queued it again, while it is pending.
    package let replayId: String?
    /// Of a dead or discarded one.
    package let diedAt: PostgresTimestamp?
}

/// Events that fit a filter, in the order of their ids, which is that of their writing.
package struct EventPage: Sendable, Encodable {
    package let items: [EventSummary]
    package let hasMore: Bool
    /// Only if there are more: the last item's id, after which the next page begins.
    package let nextCursor: String?

    package static let limits = 1...500

    /// Reads one page. What fits is looked for in the whole range of the filter: without since and until that is the whole history, if the
    /// filter names anything but a state or ids.
    ///
    /// - Parameters:
    ///   - filter: which events.
    ///   - cursor: the id after which to begin; nil: at the end that the order begins with.
    ///   - newestFirst: the order.
    ///   - limit: within `limits`.
    ///   - session: its statement timeout must allow for the search.
    /// - Returns: the page.
    /// - Throws: `OperationError.tooLong`, `PostgresError`.
    package static func read(
        _ filter: EventFilter, after cursor: UUID? = nil, newestFirst: Bool = true, limit: Int,
        in session: PostgresSession
    ) throws -> EventPage {
        let selection = EventSelection(filter, firstParameter: 3)
        let statement = Self.statement(selection, newestFirst: newestFirst)
        let rows = try session.search(
            statement, [.int8(Int64(limit) + 1), .optional(cursor, PostgresValue.uuid)] + selection.parameters,
            decode: EventSummary.init(row:)
        )
        let items = Array(rows.prefix(limit))
        let hasMore = rows.count > limit
        return EventPage(items: items, hasMore: hasMore, nextCursor: hasMore ? items.last?.id : nil)
    }

    private static func statement(_ selection: EventSelection, newestFirst: Bool) -> PostgresStatement {
        let (order, comparison, end) =
            newestFirst ? ("DESC", "<=", EventID.greatest) : ("ASC", ">=", EventID.least)
        // With a bound in any case the index's order is of use; the event at the cursor itself is left out after that.
        return PostgresStatement(
            "inspection.list",
            """
            WITH page AS MATERIALIZED (
                SELECT o.id, o.exchange, o.routing_key, o.type, o.created_at, octet_length(o.payload) AS payload_bytes,
                    substring(o.payload FROM 1 FOR \(EventSummary.startBytes)) AS payload_start
                FROM \(selection.source)
                WHERE o.id \(comparison) coalesce($2, '\(end.lowercased)'::uuid) AND o.id IS DISTINCT FROM $2
                    AND \(selection.condition)
                ORDER BY o.id \(order)
                LIMIT $1
            )
            \(EventSummary.select(from: "page"))
            ORDER BY page.id \(order)
            """,
            isReadOnly: true
        )
    }
}

extension EventSummary {
    static let startBytes = 200

    /// What ``init(row:)`` reads of a relation with the columns of an event. OFFSET 0 makes the planner look the few up by key.
    static func select(from page: String) -> String {
        """
        SELECT \(page).id, \(page).exchange, \(page).routing_key, \(page).type, \(page).created_at, payload_bytes, payload_start,
            CASE WHEN p.id IS NOT NULL THEN 'pending' WHEN d.id IS NOT NULL THEN 'dead'
                WHEN x.id IS NOT NULL THEN 'discarded' ELSE 'delivered' END,
            coalesce(p.attempts, d.attempts, x.attempts),
            CASE WHEN p.id IS NOT NULL THEN p.last_error ELSE coalesce(d.last_error, x.last_error) END,
            CASE WHEN p.next_attempt_at > now() THEN p.next_attempt_at END, p.queued_at, p.replay_id,
            CASE WHEN p.id IS NULL THEN coalesce(d.died_at, x.died_at) END
        FROM \(page)
        LEFT JOIN LATERAL (SELECT * FROM skillrelay.outbox_pending AS q WHERE q.id = \(page).id OFFSET 0) AS p ON true
        LEFT JOIN LATERAL (SELECT * FROM skillrelay.outbox_dead AS q WHERE q.id = \(page).id OFFSET 0) AS d ON true
        LEFT JOIN LATERAL (SELECT * FROM skillrelay.outbox_discarded AS q WHERE q.id = \(page).id OFFSET 0) AS x ON true
        """
    }

    init(row: borrowing PostgresRow) throws {
        let (
            id, exchange, routingKey, type, createdAt, bytes, start, state, attempts, error, next, queued, replay, died
        ) = try row.decode(
            UUID.self, String.self, String.self, String?.self, PostgresTimestamp.self, Int.self, [UInt8].self,
            String.self, Int?.self, String?.self, PostgresTimestamp?.self, PostgresTimestamp?.self, UUID?.self,
            PostgresTimestamp?.self
        )
        self.id = id.lowercased
        self.state = EventState(rawValue: state) ?? .delivered
        self.exchange = exchange
        self.routingKey = routingKey
        self.type = type
        self.createdAt = createdAt
        self.payloadBytes = bytes
        self.payloadStart = String(decoding: start, as: UTF8.self)
        self.attempts = attempts
        self.lastError = error
        self.nextAttemptAt = next
        self.queuedAt = queued
        self.replayId = replay?.lowercased
        self.diedAt = died
    }
}
