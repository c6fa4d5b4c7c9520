package import Foundation
import JSON
import Outbox
package import Postgres
import Synchronization

/// Reads and writes `public.messages`.
package final class MessageStore: Sendable {
    private let pool: PostgresPool
    private let parts: PartStorage
    private let triggers: MessageTriggers
    private let onEvent: @Sendable () -> Void
    private let onStored: @Sendable () -> Void
    private let turns = RowTurns()
    /// Whether the table was seen to have upstream's column `meta`.
    private let hasMeta = Atomic(false)

    /// - Parameters:
    ///   - pool: to the database of the messages.
    ///   - parts: where their parts are.
    ///   - triggers: what a stored message sets off.
    ///   - onEvent: called after a commit that wrote an event: the relay's nudge. Must return at once.
    ///   - onStored: called after a commit that queued a session for extraction. Must return at once.
    package init(
        pool: PostgresPool,
        parts: PartStorage = PartStorage(),
        triggers: MessageTriggers = MessageTriggers(),
        onEvent: @escaping @Sendable () -> Void = {},
        onStored: @escaping @Sendable () -> Void = {}
    ) {
        self.pool = pool
        self.parts = parts
        self.triggers = triggers
        self.onEvent = onEvent
        self.onStored = onStored
    }

    // MARK: Storing

    /// Uploads what goes to the object store, and then makes the write: the message, the count of who uses its objects, and the event that
    /// makes CORE look at it, all or none.
    ///
    /// `headers`, the request's trace context, goes with the event to the broker. `first` is run in the write's transaction, under the lock of
    /// the session and before the message is there.
    ///
    /// - Returns: a write that throws `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`; if objects have to
    ///   be uploaded once more, as this does.
    /// - Throws: the same, before anything is uploaded; `TasksError.messagesWithoutMeta`, `TasksError.filesNeedObjectStore`,
    ///   `TasksError.objectStoreUnavailable`, `S3Error`.
    package func store(
        _ new: NewMessage,
        headers: [String: String] = [:],
        first: (@Sendable (PostgresSession) throws -> Void)? = nil
    ) async throws -> Write<Message> {
        let status = try await self.check(session: new.sessionID, project: new.projectID) { database in
            try database.query(Self.findFirstStatus, [.uuid(new.sessionID)]) { row in
                let (tracksTasks, text) = try row.decode(Bool.self, String.self)
                return FirstStatus(tracksTasks: tracksTasks, text: text)
            }.first
        }
        // Without a session the write says so.
        return try await self.write(
            new, id: UUID(), status: status ?? FirstStatus(tracksTasks: false, text: "pending"), headers: headers,
            first: first
        )
    }

    /// What a message's task status is at first.
    private struct FirstStatus {
        let tracksTasks: Bool
        let text: String
    }

    private func write(
        _ new: NewMessage,
        id: UUID,
        status: FirstStatus,
        headers: [String: String],
        insteadOf before: StoredParts? = nil,
        first: (@Sendable (PostgresSession) throws -> Void)?
    ) async throws -> Write<Message> {
        let parts = try await self.parts.keep(new, insteadOf: before)
        let event = InsertNewMessage.event(
            project: new.projectID, session: new.sessionID, message: id, headers: headers
        )
        let written = self.triggers.writesEvent && status.tracksTasks ? event : nil
        let queues = self.triggers.queuesExtraction && status.tracksTasks
        let find = { @Sendable (database: PostgresSession) in
            try database.query(Self.find, [.uuid(id)]) { row in
                try MessageRow(row: row).message(parts: parts.text)
            }.first
        }
        return Write(
            pool: self.pool,
            locks: (new.sessionID, self.turns),
            isOneStatement: false,
            run: { database in
                if try database.execute(Self.lockSession, [.uuid(new.sessionID), .uuid(new.projectID)]) == 0 {
                    try SessionOwnership.require(session: new.sessionID, project: new.projectID, in: database)
                    throw TasksError.sessionNotFound
                }
                if let first {
                    // An earlier run, whose reply was lost, may have been committed while this one waited for the lock.
                    if let message = try find(database) { return message }
                    try first(database)
                }
                try AssetReferences.count(parts.uses, in: database)
                let message = try database.query(
                    Self.insert,
                    [
                        .uuid(id), .uuid(new.sessionID), .text(new.role), .json(new.meta.text), .json(parts.meta.text),
                        parts.asset == nil ? .text(parts.text) : .null, .bool(queues), .text(status.text),
                    ]
                ) { row in try MessageRow(row: row).message(parts: parts.text) }[0]
                try written?.enqueue(in: database)
                return message
            },
            find: find,
            onCommit: { _ in
                if written != nil { self.onEvent() }
                if queues { self.onStored() }
            },
            renew: {
                try await self.write(new, id: id, status: status, headers: headers, insteadOf: parts, first: first)
            }
        )
    }

    // Upstream's `main` says that a message is not tracked; the tables of its earlier releases do not take the word (contract.md §4.4).
    private static let findFirstStatus = PostgresStatement(
        "messages.findFirstStatus",
        """
        SELECT NOT s.disable_task_tracking, CASE WHEN s.disable_task_tracking AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_constraint
                WHERE conrelid = 'public.messages'::regclass AND contype = 'c'
                    AND pg_get_constraintdef(oid) LIKE '%session_task_process_status%'
                    AND pg_get_constraintdef(oid) NOT LIKE '%disable_tracking%'
            ) THEN 'disable_tracking' ELSE 'pending' END
        FROM public.sessions AS s WHERE s.id = $1
        """,
        isReadOnly: true
    )

    // Messages of one session take turns, because each names the newest before it, and is newer.
    private static let lockSession = PostgresStatement(
        "messages.lockSession",
        "SELECT FROM public.sessions WHERE id = $1 AND project_id = $2 FOR NO KEY UPDATE"
    )

    // A clock that was set back does not put a message before those that are there. A session that is queued already is updated, and so
    // locked: an extractor that has just read its messages without this one would take it off the queue.
    private static let insert = PostgresStatement(
        "messages.insert",
        """
        WITH newest AS (
            SELECT id, created_at FROM public.messages WHERE session_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1
        ), m AS (
            INSERT INTO public.messages
                (id, session_id, parent_id, role, meta, parts_asset_meta, session_task_process_status, created_at, updated_at)
            SELECT $1, $2, (SELECT id FROM newest), $3, $4, $5, $8, t.now, t.now
            FROM (
                SELECT greatest(clock_timestamp(), (SELECT created_at FROM newest) + interval '1 microsecond') AS now
            ) AS t
            RETURNING *
        ), p AS (
            INSERT INTO skillrelay.message_parts (message_id, parts) SELECT id, $6::json FROM m WHERE $6 IS NOT NULL
        ), q AS (
            INSERT INTO skillrelay.extraction_queue AS q (session_id) SELECT session_id FROM m WHERE $7
            ON CONFLICT (session_id) DO UPDATE SET queued_at = q.queued_at
        )
        SELECT \(MessageRow.ownColumns), NULL::text FROM m
        """
    )

    private static let find = PostgresStatement(
        "messages.find",
        "SELECT \(MessageRow.ownColumns), NULL::text FROM public.messages AS m WHERE m.id = $1",
        isReadOnly: true
    )

    // MARK: Reading

    /// The session's messages with their parts, oldest first.
    ///
    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `TasksError.messagesWithoutMeta`,
    ///   `TasksError.partsInObjectStore`, `TasksError.messagesTooLarge`, `TasksError.objectStoreUnavailable`, `S3Error`, `PostgresError`.
    package func list(session: UUID, project: UUID, page: MessagePageRequest) async throws -> Page<Message> {
        let isWhole = page.limit == 0
        let cursor = isWhole ? nil : page.cursor
        let parameters: [PostgresValue] = [
            .uuid(session), isWhole ? .null : .int8(Int64(page.limit + 1)),
            .optional(cursor?.createdAt, PostgresValue.timestamp), .optional(cursor?.id, PostgresValue.uuid),
        ]
        let rows = try await self.check(session: session, project: project) { database in
            let size = page.newestFirst ? Self.sizeNewestFirst : Self.sizeOldestFirst
            let bytes = try database.query(size, parameters) { row in try row.decode(Int64.self) }.first ?? 0
            guard bytes <= Self.maxListedBytes else { throw TasksError.messagesTooLarge }
            return try database.query(
                page.newestFirst ? Self.listNewestFirst : Self.listOldestFirst, parameters,
                decode: MessageRow.init(row:)
            )
        }
        // Cut first: upstream sorts first, and so loses the newest (contract.md §2.3).
        let kept = Page(rows: rows, limit: isWhole ? rows.count : page.limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id)
        }
        let oldestFirst = page.newestFirst ? kept.items.reversed() : kept.items
        return Page(items: try await self.parts.load(oldestFirst), next: kept.next)
    }

    /// Of the parts of messages in one list: they are in memory several times while it is made.
    package static let maxListedBytes: Int64 = 64 << 20

    private static let sizeOldestFirst = MessageStore.size("messages.sizeOldestFirst", after: ">", order: "ASC")
    private static let sizeNewestFirst = MessageStore.size("messages.sizeNewestFirst", after: "<", order: "DESC")

    private static func size(_ name: String, after comparison: String, order: String) -> PostgresStatement {
        PostgresStatement(
            name,
            """
            SELECT least(coalesce(sum(size), 0), 9223372036854775807)::bigint FROM (
                SELECT CASE WHEN jsonb_typeof(m.parts_asset_meta -> 'size_b') = 'number'
                    THEN (m.parts_asset_meta ->> 'size_b')::numeric END AS size
                FROM public.messages AS m
                WHERE m.session_id = $1
                    AND ($3::timestamptz IS NULL OR (m.created_at, m.id) \(comparison) ($3, $4::uuid))
                ORDER BY m.created_at \(order), m.id \(order)
                LIMIT $2
            ) AS listed
            """,
            isReadOnly: true
        )
    }

    private static let listOldestFirst = MessageStore.list("messages.listOldestFirst", after: ">", order: "ASC")
    private static let listNewestFirst = MessageStore.list("messages.listNewestFirst", after: "<", order: "DESC")

    private static func list(_ name: String, after comparison: String, order: String) -> PostgresStatement {
        PostgresStatement(
            name,
            """
            SELECT \(MessageRow.columns)
            FROM public.messages AS m LEFT JOIN skillrelay.message_parts AS p ON p.message_id = m.id
            WHERE m.session_id = $1
                AND ($3::timestamptz IS NULL OR (m.created_at, m.id) \(comparison) ($3, $4::uuid))
            ORDER BY m.created_at \(order), m.id \(order)
            LIMIT $2
            """,
            isReadOnly: true
        )
    }

    /// The session's oldest messages that no task agent has taken up, with their parts, oldest first.
    ///
    /// - Throws: `TasksError.messagesWithoutMeta`, `TasksError.partsInObjectStore`, `TasksError.objectStoreUnavailable`, `S3Error`,
    ///   `PostgresError`.
    package func pending(session: UUID, limit: Int) async throws -> [Message] {
        let rows = try await self.pool.attempt { database, _ in
            try self.requireMeta(in: database)
            return try database.query(
                Self.listPending, [.uuid(session), .int8(Int64(limit))], decode: MessageRow.init(row:)
            )
        }
        return try await self.parts.load(rows)
    }

    private static let listPending = PostgresStatement(
        "messages.listPending",
        """
        SELECT \(MessageRow.columns)
        FROM public.messages AS m LEFT JOIN skillrelay.message_parts AS p ON p.message_id = m.id
        WHERE m.session_id = $1 AND m.session_task_process_status = 'pending'
        ORDER BY m.created_at, m.id
        LIMIT $2
        """,
        isReadOnly: true
    )

    /// How far the task agent is with the session's messages.
    ///
    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `PostgresError`.
    package func observing(session: UUID, project: UUID) async throws -> ObservingStatus {
        try await self.pool.attempt { database, _ in
            try SessionOwnership.require(session: session, project: project, in: database)
            return try database.query(Self.countByStatus, [.uuid(session)]) { row in
                let (observed, inProcess, pending, now) = try row.decode(
                    Int.self, Int.self, Int.self, PostgresTimestamp.self
                )
                return ObservingStatus(observed: observed, inProcess: inProcess, pending: pending, updatedAt: now)
            }[0]
        }
    }

    private static let countByStatus = PostgresStatement(
        "messages.countByStatus",
        """
        SELECT count(*) FILTER (WHERE session_task_process_status = 'success'),
            count(*) FILTER (WHERE session_task_process_status = 'running'),
            count(*) FILTER (WHERE session_task_process_status = 'pending'), clock_timestamp()
        FROM public.messages WHERE session_id = $1
        """,
        isReadOnly: true
    )

    /// Where clients can fetch the files of these messages for a while, by their SHA-256; empty without an object store.
    package func publicURLs(of messages: [Message]) -> [String: (url: String, expiresAt: PostgresTimestamp)] {
        self.parts.publicURLs(of: messages)
    }

    // MARK: Meta

    /// Merges a patch into what the client keeps with the message: each of its members replaces one, or removes it if it is null.
    ///
    /// `patch` is the JSON text of an object.
    ///
    /// - Returns: a write of the client's meta as it is then, JSON text of an object. It throws `TasksError.sessionNotFound`, also for a
    ///   session of another project; `TasksError.messageNotFound`, `TasksError.messagesWithoutMeta`, `PostgresError`.
    package func patchMeta(message: UUID, session: UUID, project: UUID, patch: String) -> Write<String> {
        Write(
            pool: self.pool,
            locks: (message, self.turns),
            isOneStatement: true,
            run: { database in
                try self.requireMeta(in: database)
                let meta = try database.query(
                    Self.mergeMeta, [.uuid(message), .uuid(session), .uuid(project), .json(patch)]
                ) { row in try row.decode(String.self) }.first
                if let meta { return meta }
                do {
                    try SessionOwnership.require(session: session, project: project, in: database)
                } catch TasksError.sessionOfAnotherProject {
                    throw TasksError.sessionNotFound
                }
                throw TasksError.messageNotFound
            },
            // Merging it again changes nothing.
            find: { _ in nil }
        )
    }

    private static let mergeMeta = PostgresStatement(
        "messages.mergeMeta",
        """
        UPDATE public.messages AS m
        SET meta = CASE WHEN jsonb_typeof(m.meta) = 'object' THEN m.meta ELSE '{}' END || jsonb_build_object('__user_meta__',
                (CASE WHEN jsonb_typeof(m.meta -> '__user_meta__') = 'object' THEN m.meta -> '__user_meta__' ELSE '{}' END || $4)
                    - ARRAY(SELECT key FROM jsonb_each($4) WHERE value = 'null')),
            updated_at = clock_timestamp()
        FROM public.sessions AS s
        WHERE m.id = $1 AND m.session_id = $2 AND s.id = m.session_id AND s.project_id = $3
        RETURNING (m.meta -> '__user_meta__')::text
        """
    )

    // MARK: Checks

    /// Reads, once it is known that the session is the project's and that the table has all its columns.
    private func check<R: Sendable>(
        session: UUID,
        project: UUID,
        _ read: @Sendable (PostgresSession) throws -> R
    ) async throws -> R {
        try await self.pool.attempt { database, _ in
            try self.requireMeta(in: database)
            try SessionOwnership.require(session: session, project: project, in: database)
            return try read(database)
        }
    }

    /// A database that only CORE has made lacks the column (contract.md §4.2). That it is there is asked once.
    private func requireMeta(in database: PostgresSession) throws {
        guard !self.hasMeta.load(ordering: .relaxed) else { return }
        guard !(try database.query(Self.findMeta) { try $0.decode(Bool.self) }).isEmpty else {
            throw TasksError.messagesWithoutMeta
        }
        self.hasMeta.store(true, ordering: .relaxed)
    }

    private static let findMeta = PostgresStatement(
        "messages.findMeta",
        """
        SELECT true FROM pg_catalog.pg_attribute
        WHERE attrelid = 'public.messages'::regclass AND attname = 'meta' AND NOT attisdropped
        """,
        isReadOnly: true
    )
}
