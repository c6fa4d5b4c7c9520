package import Foundation
package import Postgres

/// A key by which a project's client names one request, so that repeats of it are known: a row of `skillrelay.idempotency_keys`.
///
/// The row is inserted first in the transaction of the request's effect. So a second request under the key waits for the first, and
/// finds its answer, or nothing at all when it was rolled back.
package struct IdempotencyKey: Sendable {
    let project: UUID
    let key: String
    let fingerprint: [UInt8]
    let lifetime: Duration

    /// - Parameters:
    ///   - project: whose key it is.
    ///   - key: 1 to 255 bytes of ASCII.
    ///   - fingerprint: 32 bytes by which two requests are told apart.
    ///   - lifetime: how long the answer is kept, in whole seconds.
    package init(project: UUID, key: String, fingerprint: [UInt8], lifetime: Duration) {
        self.project = project
        self.key = key
        self.fingerprint = fingerprint
        self.lifetime = lifetime
    }

    /// Takes the key for this transaction, or hands over the answer that was given under it.
    ///
    /// - Returns: nil when the key is this transaction's now.
    /// - Throws: `TasksError.idempotencyKeyReused` when it was taken for another request; `PostgresError`.
    func claim(in session: PostgresSession) throws -> StoredAnswer? {
        let taken = try session.execute(
            Self.take,
            [.uuid(self.project), .text(self.key), .bytes(self.fingerprint), .int8(self.lifetime.components.seconds)]
        )
        guard taken == 0 else { return nil }
        // The conflict has locked the row: it is still there.
        return try self.answer(in: session)
    }

    /// The answer that was given under the key; nil when there is none.
    ///
    /// - Throws: `TasksError.idempotencyKeyReused` when it was to another request; `PostgresError`.
    fileprivate func answer(in session: PostgresSession) throws -> StoredAnswer? {
        let found = try session.query(Self.find, [.uuid(self.project), .text(self.key)]) { row in
            let (fingerprint, status, body, event) = try row.decode([UInt8].self, Int.self, [UInt8].self, UUID?.self)
            return (fingerprint, StoredAnswer(status: status, body: body, event: event, isReplayed: true))
        }.first
        guard let (fingerprint, answer) = found else { return nil }
        guard fingerprint == self.fingerprint else { throw TasksError.idempotencyKeyReused }
        return answer
    }

    /// Keeps the answer to the request that has taken the key.
    func store(_ answer: StoredAnswer, in session: PostgresSession) throws {
        try session.execute(
            Self.keep,
            [
                .uuid(self.project), .text(self.key), .int4(Int32(answer.status)), .bytes(answer.body),
                .optional(answer.event, PostgresValue.uuid),
            ]
        )
    }

    /// The error says that another transaction, still open, has taken the key.
    func isHeldByAnother(_ error: PostgresError) -> Bool {
        error.sqlState == .lockNotAvailable && error.statement == Self.take.name
    }

    // An expired row that is not yet purged is as good as none.
    private static let take = PostgresStatement(
        "idempotency_keys.take",
        """
        INSERT INTO skillrelay.idempotency_keys AS k (project_id, key, fingerprint, expires_at)
        VALUES ($1, $2, $3, now() + $4 * interval '1 second')
        ON CONFLICT (project_id, key) DO UPDATE
        SET fingerprint = EXCLUDED.fingerprint, status = NULL, body = NULL, event_id = NULL, expires_at = EXCLUDED.expires_at
        WHERE k.expires_at <= now()
        """
    )

    private static let find = PostgresStatement(
        "idempotency_keys.find",
        """
        SELECT fingerprint, status, body, event_id FROM skillrelay.idempotency_keys
        WHERE project_id = $1 AND key = $2 AND expires_at > now()
        """,
        isReadOnly: true
    )

    private static let keep = PostgresStatement(
        "idempotency_keys.keep",
        "UPDATE skillrelay.idempotency_keys SET status = $3, body = $4, event_id = $5 WHERE project_id = $1 AND key = $2"
    )
}

/// What a request was answered: enough to answer it again.
package struct StoredAnswer: Sendable, Hashable {
    /// The HTTP status, 200 to 299.
    package let status: Int
    package let body: [UInt8]
    /// The event that the change has written, if it has.
    package let event: UUID?
    /// It was found, not made: an earlier request was given it, or this one's own first attempt had come through after all.
    package let isReplayed: Bool

    package init(status: Int, body: [UInt8], event: UUID? = nil, isReplayed: Bool = false) {
        self.status = status
        self.body = body
        self.event = event
        self.isReplayed = isReplayed
    }
}

/// Looks keys up, and removes those that have expired.
package struct IdempotencyKeyStore: Sendable {
    /// Few enough for a statement to be short.
    package static let chunk = 1000

    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// The answer that was given under the key, for a request that costs something before it comes to its transaction; nil when there is
    /// none yet.
    ///
    /// - Throws: `TasksError.idempotencyKeyReused`; `PostgresError`.
    package func answer(to key: IdempotencyKey) async throws -> StoredAnswer? {
        try await self.pool.attempt { session, _ in try key.answer(in: session) }
    }

    /// Removes at most `chunk` keys; several callers share the work.
    ///
    /// - Returns: how many were removed.
    /// - Throws: `PostgresError`.
    package func purgeChunk() async throws -> Int {
        try await self.pool.perform { session in try session.execute(Self.purge, [.int4(Int32(Self.chunk))]) }
    }

    // SKIP LOCKED: a row that is locked is being taken anew, or purged by another instance.
    private static let purge = PostgresStatement(
        "idempotency_keys.purge",
        """
        DELETE FROM skillrelay.idempotency_keys AS k
        USING (
            SELECT project_id, key FROM skillrelay.idempotency_keys
            WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ) AS expired
        WHERE k.project_id = expired.project_id AND k.key = expired.key
        """
    )
}
