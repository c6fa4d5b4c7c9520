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

    package init(
        id: UUID = EventID.next(),
        exchange: String,
        routingKey: String,
        type: String? = nil,
        payload: [UInt8],
        headers: [String: String] = [:]
    ) {
        self.id = id
        self.exchange = exchange
        self.routingKey = routingKey
        self.type = type
        self.payload = payload
        self.headers = headers
    }

    /// The SQL call that writes an event whose `parameters` begin at `$firstParameter`: for a statement of another module's, so that the
    /// event commits together with what it tells of. Its value is the event's id.
    package static func enqueueCall(firstParameter n: Int) -> String {
        "skillrelay.enqueue_as($\(n), $\(n + 1), $\(n + 2), $\(n + 3), $\(n + 4), $\(n + 5))"
    }

    /// What `enqueueCall` binds, in its order.
    package var parameters: [PostgresValue] {
        [
            .uuid(self.id), .text(self.exchange), .text(self.routingKey), .bytes(self.payload), .json(self.headersJSON),
            .optional(self.type, PostgresValue.text),
        ]
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
