package import Foundation
import Postgres

extension TestDatabase {
    /// Stores a message as the service does where parts are in the database, and queues its session.
    ///
    /// `parts` is the JSON text of an array.
    @discardableResult
    package func storeMessage(
        _ role: String, parts: String, in session: UUID, meta: String = "{}", queues: Bool = true
    ) async throws -> UUID {
        try await self.value(
            """
            WITH m AS (
                INSERT INTO public.messages (session_id, role, meta, parts_asset_meta, created_at)
                SELECT s.id, $2, $4::jsonb, '{}', clock_timestamp()
                FROM (SELECT id FROM public.sessions WHERE id = $1 FOR NO KEY UPDATE) AS s
                RETURNING id, session_id
            ), p AS (
                INSERT INTO skillrelay.message_parts (message_id, parts) SELECT id, $3::json FROM m
            ), q AS (
                INSERT INTO skillrelay.extraction_queue AS q (session_id) SELECT session_id FROM m WHERE $5
                ON CONFLICT (session_id) DO UPDATE SET queued_at = q.queued_at
            )
            SELECT id FROM m
            """,
            [.uuid(session), .text(role), .text(parts), .text(meta), .bool(queues)]
        )
    }

    /// Stores a message with one part of text.
    @discardableResult
    package func storeMessage(_ role: String, _ text: String, in session: UUID, queues: Bool = true) async throws
        -> UUID
    {
        let parts = String(decoding: try JSONEncoder().encode([["type": "text", "text": text]]), as: UTF8.self)
        return try await self.storeMessage(role, parts: parts, in: session, queues: queues)
    }
}
