package import Foundation
package import Postgres

/// An event to write: where its message goes and the exact bytes it carries.
package struct NewEvent: Sendable {
    package let id: UUID
    package let exchange: String
    package let routingKey: String
    package let type: String?
    package let payload: [UInt8]
    package let headers: [String: String]
    /// The row that it tells of: what became of it is found by this.
    package let subject: UUID?

    package init(
        id: UUID = EventID.next(),
        exchange: String,
        routingKey: String,
        type: String? = nil,
        payload: [UInt8],
        headers: [String: String] = [:],
        subject: UUID? = nil
    ) {
        self.id = id
        self.exchange = exchange
        self.routingKey = routingKey
        self.type = type
        self.payload = payload
        self.headers = headers
        self.subject = subject
    }

    /// The SQL call that writes an event whose `parameters` begin at `$firstParameter`: for a statement of another module's, so that the
    /// event commits together with what it tells of. Its value is the event's id.
    package static func enqueueCall(firstParameter n: Int) -> String {
        "skillrelay.enqueue_as($\(n), $\(n + 1), $\(n + 2), $\(n + 3), $\(n + 4), $\(n + 5), $\(n + 6))"
    }

    /// What `enqueueCall` binds, in its order.
    package var parameters: [PostgresValue] {
        [
            .uuid(self.id), .text(self.exchange), .text(self.routingKey), .bytes(self.payload), .json(self.headersJSON),
            .optional(self.type, PostgresValue.text), .optional(self.subject, PostgresValue.uuid),
        ]
    }

    // MARK: Many in one statement

    /// The names of an event's values in a relation of many.
    package static let columns =
        "event_id, event_exchange, event_routing_key, event_payload, event_headers, event_type, event_subject"

    /// What makes `columns` of the parameters of many, in a list of `unnest`.
    package static func unnested(firstParameter n: Int) -> String {
        """
        $\(n)::uuid[], $\(n + 1)::text[], $\(n + 2)::text[], $\(n + 3)::bytea[], $\(n + 4)::text[], $\(n + 5)::text[], $\(n + 6)::uuid[]
        """
    }

    /// What `unnested` binds, in its order.
    package static func parameters(_ events: [NewEvent]) -> [PostgresValue] {
        [
            .uuidArray(events.map(\.id)), .textArray(events.map(\.exchange)), .textArray(events.map(\.routingKey)),
            .bytesArray(events.map(\.payload)), .textArray(events.map(\.headersJSON)),
            .textArray(events.map { $0.type ?? "" }), .uuidArray(events.map { $0.subject ?? Self.noSubject }),
        ]
    }

    // An array of ids has no NULL; no row has this one.
    private static let noSubject = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

    /// The parts of a WITH list that write the event of each row of `relation`, which has `columns`.
    package static func insertion(from relation: String) -> String {
        """
        written AS (
            INSERT INTO skillrelay.outbox (id, exchange, routing_key, type, payload, headers, subject)
            SELECT event_id, event_exchange, event_routing_key, nullif(event_type, ''), event_payload, event_headers::jsonb,
                nullif(event_subject, '\(Self.noSubject)')
            FROM \(relation)
        ), pending AS (
            INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key)
            SELECT event_id, event_exchange, event_routing_key FROM \(relation)
        )
        """
    }

    private var headersJSON: String {
        guard !self.headers.isEmpty, let json = try? JSONEncoder().encode(self.headers) else {
            // A dictionary of strings always encodes.
            return "{}"
        }
        return String(decoding: json, as: UTF8.self)
    }

    /// Writes the event in the caller's own transaction; it is published after that has committed.
    ///
    /// - Throws: `PostgresError`; `23514` when a part is too long to be published, `23505` when the id was written before.
    package func enqueue(in session: PostgresSession) throws {
        try session.execute(Self.statement, self.parameters)
    }

    private static let statement = PostgresStatement("outbox.enqueue", "SELECT \(Self.enqueueCall(firstParameter: 1))")
}
