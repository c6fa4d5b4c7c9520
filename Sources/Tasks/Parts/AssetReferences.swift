import Foundation
import JSON
import Postgres

/// Counts who uses each object of a project: `public.asset_references`, as Acontext's API does (contract.md §6.3).
///
/// No committed message may name an object that is not there. Two rules see to it, without a lock held while the store is asked:
///
/// * Before an object is uploaded its row is there, with the key (`reserve`); and it is counted, in the message's transaction, only if that
///   row is still there with that key (`count`). A count that falls to zero takes the row away, so whoever has reserved it notices.
/// * The object of a row that is gone is removed only after the commit, and its key is not given out again until that is long over.
///
/// Several rows are locked in the order of their hashes, whoever does it.
enum AssetReferences {
    /// What a row is to be made for.
    struct Wanted {
        let sha256: String
        /// Where the object goes, and where else if the first key may not be used now.
        let keys: (usual: String, other: String)
    }

    /// An object's row. A row never has the same key again once it had another.
    struct Reservation: Sendable {
        let id: UUID
        let sha256: String
        let key: String
        /// What is there under the key; nil: it is to be uploaded.
        let asset: StoredAsset?
    }

    // MARK: Using

    /// Finds or makes the rows of these objects, one for each.
    static func reserve(
        _ wanted: [Wanted],
        project: UUID,
        in database: PostgresSession
    ) throws -> [Reservation] {
        let rows = try database.query(
            Self.findOrMake,
            [
                .uuid(project), .textArray(wanted.map(\.sha256)), .textArray(wanted.map(\.keys.usual)),
            ]
        ) { row in
            let (id, sha256, key, count, asset) = try row.decode(
                UUID.self, String.self, String.self, Int.self, String.self
            )
            return Reservation(
                id: id, sha256: sha256, key: key, asset: count > 0 ? StoredAsset(json: asset, key: key) : nil
            )
        }
        let others = Dictionary(uniqueKeysWithValues: wanted.map { ($0.sha256, $0.keys.other) })
        let moved = try database.query(
            Self.avoidRemovals,
            [.uuidArray(rows.map(\.id)), .textArray(rows.map { others[$0.sha256] ?? "" })]
        ) { row in try row.decode(UUID.self, String.self) }
        let keys = Dictionary(uniqueKeysWithValues: moved)
        return rows.map { row in
            Reservation(id: row.id, sha256: row.sha256, key: keys[row.id] ?? row.key, asset: row.asset)
        }
    }

    // The update waits for whoever is taking the row away, makes it visible, and keeps it from being swept. A row whose key was lost gets one.
    private static let findOrMake = PostgresStatement(
        "asset_references.findOrMake",
        """
        INSERT INTO public.asset_references AS r (project_id, sha256, s3_key, ref_count, asset_meta)
        SELECT $1, w.sha256, w.s3_key, 0, '{}' FROM unnest($2::text[], $3::text[]) AS w (sha256, s3_key) ORDER BY w.sha256
        ON CONFLICT (project_id, sha256) DO UPDATE
        SET s3_key = coalesce(nullif(r.s3_key, ''), EXCLUDED.s3_key), updated_at = clock_timestamp()
        RETURNING id, sha256, s3_key, ref_count, asset_meta::text
        """
    )

    // A statement of its own, which sees what was committed while the one before waited.
    private static let avoidRemovals = PostgresStatement(
        "asset_references.avoidRemovals",
        """
        UPDATE public.asset_references AS r SET s3_key = w.s3_key FROM unnest($1::uuid[], $2::text[]) AS w (id, s3_key)
        WHERE r.id = w.id AND r.ref_count = 0
            AND EXISTS (SELECT FROM skillrelay.object_removals AS o WHERE o.s3_key = r.s3_key)
        RETURNING r.id, r.s3_key
        """
    )

    /// One more use, or several, of an object that is there.
    struct Use: Sendable {
        let reservation: UUID
        let asset: StoredAsset
        let count: Int
    }

    /// Counts the uses in the transaction of the message that they are of.
    ///
    /// - Throws: `StaleWrite` when an object may have been removed since it was reserved; `PostgresError`.
    static func count(_ uses: [Use], in database: PostgresSession) throws {
        guard !uses.isEmpty else { return }
        let ids = PostgresValue.uuidArray(uses.map(\.reservation))
        let found = try database.execute(Self.lockReserved, [ids, .textArray(uses.map(\.asset.key))])
        guard found == uses.count else { throw StaleWrite() }
        try database.execute(
            Self.raise,
            [ids, .int4Array(uses.map { Int32($0.count) }), .textArray(uses.map(\.asset.json.text))]
        )
    }

    private static let lockReserved = PostgresStatement(
        "asset_references.lockReserved",
        """
        SELECT FROM public.asset_references AS r JOIN unnest($1::uuid[], $2::text[]) AS w (id, s3_key)
            ON r.id = w.id AND r.s3_key = w.s3_key
        ORDER BY r.sha256 FOR NO KEY UPDATE OF r
        """
    )

    private static let raise = PostgresStatement(
        "asset_references.raise",
        """
        UPDATE public.asset_references AS r
        SET ref_count = r.ref_count + w.uses, asset_meta = w.asset_meta::jsonb,
            last_referenced_at = timezone('UTC', clock_timestamp()), updated_at = clock_timestamp()
        FROM unnest($1::uuid[], $2::int4[], $3::text[]) AS w (id, uses, asset_meta)
        WHERE r.id = w.id
        """
    )

    /// Takes back reservations that will not be used, and queues their objects for removal.
    static func abandon(_ uses: [Use], in database: PostgresSession) throws {
        try database.execute(Self.dropUncounted, [.uuidArray(uses.map(\.reservation))])
    }

    private static let dropUncounted = PostgresStatement(
        "asset_references.dropUncounted",
        """
        WITH gone AS (
            DELETE FROM public.asset_references AS r WHERE r.id = ANY($1) AND r.ref_count = 0
            RETURNING r.project_id, r.sha256, r.s3_key
        )
        \(Self.queueRemovals)
        """
    )

    /// Takes back what was reserved an hour ago and never counted, because its request or its process has ended in between.
    ///
    /// - Returns: how many objects are to be removed for it; a thousand at a time.
    static func sweep(in database: PostgresSession) throws -> Int {
        try database.execute(Self.dropForgotten)
    }

    // Who has a row locked is about to use it.
    private static let dropForgotten = PostgresStatement(
        "asset_references.dropForgotten",
        """
        WITH forgotten AS MATERIALIZED (
            SELECT id FROM public.asset_references
            WHERE ref_count = 0 AND asset_meta = '{}' AND updated_at < clock_timestamp() - interval '1 hour'
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM public.asset_references AS r USING forgotten WHERE r.id = forgotten.id
            RETURNING r.project_id, r.sha256, r.s3_key
        )
        \(Self.queueRemovals)
        """
    )

    /// Ends a statement whose `gone` are the rows that it has deleted.
    private static let queueRemovals = """
        INSERT INTO skillrelay.object_removals (s3_key, project_id, sha256)
        SELECT s3_key, project_id, sha256 FROM gone WHERE s3_key <> ''
        ON CONFLICT (s3_key) DO UPDATE SET due_at = now(), removed_at = NULL
        """

    // MARK: Releasing

    /// Gives back what the messages of these sessions use. Their rows are locked, so that nobody adds a message, and will be deleted in the
    /// same transaction.
    ///
    /// The objects that nothing uses then are removed after the commit, by `ObjectKeeper`. So is what the messages that Acontext has stored
    /// use: which files those name must be read from the store first.
    static func release(sessions: [UUID], in database: PostgresSession) throws {
        try database.execute(Self.queueUnread, [.uuidArray(sessions)])
        let uses = try database.query(Self.countUses, [.uuidArray(sessions)]) { row in
            try row.decode(UUID.self, String.self, Int.self)
        }
        for (project, uses) in Dictionary(grouping: uses, by: \.0).sorted(by: { $0.key < $1.key }) {
            try Self.release(uses.map { ($0.1, $0.2) }, project: project, in: database)
        }
    }

    /// The sessions' messages whose parts are in the store.
    private static let storedMessages = """
        public.messages AS m JOIN public.sessions AS s ON s.id = m.session_id
        WHERE s.id = ANY($1) AND m.parts_asset_meta ->> 's3_key' <> ''
        """

    /// It stands beside them which files they name: they are ours.
    private static let areOurs = """
        coalesce(jsonb_typeof(m.parts_asset_meta -> '\(StoredParts.filesKey)') = 'array', false)
        """

    private static let queueUnread = PostgresStatement(
        "part_releases.insert",
        """
        INSERT INTO skillrelay.part_releases (message_id, project_id, sha256, s3_key)
        SELECT m.id, s.project_id, coalesce(m.parts_asset_meta ->> 'sha256', ''), m.parts_asset_meta ->> 's3_key'
        FROM \(Self.storedMessages) AND NOT \(Self.areOurs)
        ON CONFLICT DO NOTHING
        """
    )

    private static let countUses = PostgresStatement(
        "asset_references.countUses",
        """
        WITH stored AS (
            SELECT s.project_id, m.parts_asset_meta AS asset FROM \(Self.storedMessages) AND \(Self.areOurs)
        ), used AS (
            SELECT project_id, asset ->> 'sha256' AS sha256 FROM stored
            UNION ALL SELECT project_id, jsonb_array_elements_text(asset -> '\(StoredParts.filesKey)') FROM stored
        )
        SELECT project_id, sha256, count(*) FROM used WHERE sha256 <> '' GROUP BY project_id, sha256
        """
    )

    /// Gives back so many uses of each object, and queues for removal what nothing uses any more.
    static func release(
        _ uses: [(sha256: String, count: Int)],
        project: UUID,
        in database: PostgresSession
    ) throws {
        let counts = Dictionary(
            uses.filter { Self.isHash($0.sha256) }.map { ($0.sha256, $0.count) }, uniquingKeysWith: +
        )
        guard !counts.isEmpty else { return }
        let rows = try database.query(
            Self.lockUsed, [.uuid(project), .text("{\(counts.keys.joined(separator: ","))}")]
        ) { row in try row.decode(UUID.self, String.self) }
        try database.execute(
            Self.lower,
            [.uuidArray(rows.map(\.0)), .int4Array(rows.map { Int32(clamping: counts[$0.1] ?? 0) })]
        )
    }

    /// What is in the database is Acontext's, too.
    private static func isHash(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { hexDigitValue($0) != nil }
    }

    // The array is sent as text, of whichever type the column is, char(64) or varchar (contract.md §4.2): its index serves no other.
    static let lockUsed = PostgresStatement(
        "asset_references.lockUsed",
        """
        SELECT id, sha256::text FROM public.asset_references WHERE project_id = $1 AND sha256 = ANY($2)
        ORDER BY sha256 FOR UPDATE
        """
    )

    private static let lower = PostgresStatement(
        "asset_references.lower",
        """
        WITH given AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::int4[]) AS g (id, uses)
        ), lowered AS (
            UPDATE public.asset_references AS r SET ref_count = r.ref_count - given.uses, updated_at = clock_timestamp()
            FROM given WHERE r.id = given.id AND r.ref_count > given.uses
        ), gone AS (
            DELETE FROM public.asset_references AS r USING given WHERE r.id = given.id AND r.ref_count <= given.uses
            RETURNING r.project_id, r.sha256, r.s3_key
        )
        \(Self.queueRemovals)
        """
    )
}

extension StoredAsset {
    /// What a row says of an object under `key`; nil unless it says all that CORE wants of it.
    fileprivate init?(json text: String, key: String) {
        guard let json = try? JSONValue(stored: text), let asset = StoredAsset(json), asset.key == key,
            !asset.etag.isEmpty
        else { return nil }
        self = asset
    }
}
