import Foundation
import JSON
package import Postgres

/// Ties Gemini's results to their calls: a result need not say which call it answers. So a message keeps its calls in its
/// meta, as upstream has it, until a result is stored for them.
package struct GeminiCallStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Stores a message whose results get the ids of the calls that they answer; the write takes those off the calls that
    /// wait.
    ///
    /// - Returns: the write that `messages` makes.
    /// - Throws: `MessageFormatError.noOpenCall` when a result has no id and no call of its name waits; as
    ///   `MessageStore.store`.
    package func store(
        _ new: NewMessage,
        in messages: MessageStore,
        headers: [String: String]
    ) async throws -> Write<Message> {
        guard new.parts.contains(where: { $0.type == "tool-result" }) else {
            return try await messages.store(new, headers: headers)
        }
        let session = new.sessionID
        let answering = try await self.pool.attempt { database, _ in
            try SessionOwnership.require(session: session, project: new.projectID, in: database)
            return try Self.answer(new, in: database)
        }
        var write = try await messages.store(answering.message, headers: headers) { database in
            // Another result may have been stored for these calls since they were read.
            guard try Self.answer(new, in: database).calls == answering.calls else { throw StaleWrite() }
            try database.execute(
                Self.close,
                [.uuid(session), .uuidArray(answering.calls.map(\.message)), .textArray(answering.calls.map(\.id))]
            )
        }
        // Other calls make other parts.
        write.renew = { try await self.store(new, in: messages, headers: headers) }
        return write
    }

    /// The message, with the ids of the calls that its results answer.
    private static func answer(
        _ new: NewMessage, in database: PostgresSession
    ) throws -> (message: NewMessage, calls: [OpenCalls.Call]) {
        var calls = OpenCalls(
            try database.query(Self.find, [.uuid(new.sessionID)]) { row in
                let (message, calls) = try row.decode(UUID.self, String.self)
                return (message, calls)
            })
        var new = new
        for index in new.parts.indices where new.parts[index].type == "tool-result" {
            try calls.answer(&new.parts[index])
        }
        return (new, calls.answered)
    }

    // `meta` is missing where only CORE has made the table; to_jsonb reads it where it is.
    private static let find = PostgresStatement(
        "messages.findOpenCalls",
        """
        SELECT m.id, c.calls::text
        FROM public.messages AS m, LATERAL (SELECT to_jsonb(m) #> '{meta,\(MessageMeta.openCalls)}') AS c(calls)
        WHERE m.session_id = $1 AND jsonb_typeof(c.calls) = 'array'
        ORDER BY m.created_at, m.id
        """,
        isReadOnly: true
    )

    private static let close = PostgresStatement(
        "messages.closeCalls",
        """
        UPDATE public.messages AS m SET updated_at = now(), meta = (
            SELECT CASE WHEN count(*) = 0 THEN m.meta - '\(MessageMeta.openCalls)'
                ELSE jsonb_set(m.meta, '{\(MessageMeta.openCalls)}', jsonb_agg(c.call ORDER BY c.place)) END
            FROM jsonb_array_elements(m.meta -> '\(MessageMeta.openCalls)') WITH ORDINALITY AS c(call, place)
            WHERE NOT EXISTS (
                SELECT FROM unnest($2::uuid[], $3::text[]) AS a (message_id, id) WHERE a.message_id = m.id AND a.id = c.call ->> 'id'
            )
        )
        WHERE m.session_id = $1 AND m.id = ANY ($2::uuid[]) AND jsonb_typeof(m.meta -> '\(MessageMeta.openCalls)') = 'array'
        """
    )
}

/// The calls of a session that wait for their results, oldest first.
struct OpenCalls: Sendable {
    struct Call: Hashable {
        /// That it is a part of.
        let message: UUID
        let id: String
        let name: String
    }

    private var calls: [Call]
    private(set) var answered: [Call] = []

    /// `calls` is the JSON text of an array of `{id, name}`; what is none is left out, because clients can write it, too.
    init(_ messages: [(message: UUID, calls: String)]) {
        self.calls = messages.flatMap { message, text -> [Call] in
            let calls = try? JSONValue(stored: text)  // what is no JSON has no calls
            return (calls?.array ?? []).compactMap { call in
                guard let id = call["id"]?.string, let name = call["name"]?.string else { return nil }
                return Call(message: message, id: id, name: name)
            }
        }
    }

    /// Gives the result the id of the oldest call of its name, unless it has an id, and closes that call.
    ///
    /// - Throws: `MessageFormatError.noOpenCall`.
    mutating func answer(_ result: inout MessagePart) throws(MessageFormatError) {
        let id = result.metaText("tool_call_id")
        let name = result.metaText("name")
        guard let index = self.calls.firstIndex(where: { id.isEmpty ? $0.name == name : $0.id == id }) else {
            // An id of its own is enough: its call may never have been stored.
            if id.isEmpty { throw .noOpenCall }
            return
        }
        let call = self.calls.remove(at: index)
        self.answered.append(call)
        if id.isEmpty {
            result.meta = .object((result.meta?.object ?? []) + [.init("tool_call_id", .string(call.id))])
        }
    }
}
