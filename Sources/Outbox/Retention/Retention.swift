import Foundation
package import Postgres

/// What of the history is old enough to go, and how it goes: whole days by their partition, the rest in slices.
///
/// Nothing that is still needed is removed, nor the day it belongs to, nor what tells of events that are still there.
package struct Retention: Sendable {
    /// Events and what tells of them are kept for so long.
    package let days: Int

    package static let allowedDays = 1...3650

    package init(days: Int) {
        self.days = days
    }

    /// What has gone.
    package struct Result: Sendable, Hashable, Encodable {
        /// Days, as 2026-11-28.
        package var dropped: [String] = []
        /// Days that are old enough, and still needed: they have a pending or dead event, or a replay has yet to come by.
        package var kept: [String] = []
        /// Days that were in use; they go the next time.
        package var busy: [String] = []
        /// Events of days without a partition.
        package var events = 0
        package var deliveries = 0
        package var discarded = 0
        package var replays = 0
    }

    /// Rows a statement, for what is not dropped as a whole.
    static let slice = 5000

    /// Removes what is old enough. Writers wait for it for half a second at most; a day that cannot be had in that time is left for later.
    ///
    /// - Parameters:
    ///   - result: what has gone by now, also when it throws.
    ///   - connection: with no transaction open.
    /// - Throws: `OperationError.conflict` when somebody else is at it, before anything has gone; `PostgresError`.
    package func run(into result: inout Result, on connection: PostgresConnection) async throws {
        try await self.retirePartitions(&result, on: connection)
        while try await self.removeRows(&result, on: connection) {}
    }

    /// `run`, asked for by an operator. The audit trail has it before anything has gone.
    ///
    /// - Parameters:
    ///   - attribution: who, and why.
    ///   - connection: with no transaction open.
    /// - Returns: what has gone.
    /// - Throws: as `run`; some may have gone by then.
    package func purge(_ attribution: Attribution, on connection: PostgresConnection) async throws -> Result {
        let planned = PurgeDetails(days: self.days, planned: try await self.preview(on: connection).dropped)
        let action = try await self.alone(on: connection, waits: false) { session in
            try OperatorAction.record(.purge, attribution, planned, in: session)
        }
        var result = Result()
        do {
            try await self.run(into: &result, on: connection)
        } catch {
            // Fails with the connection, or when it was too late: the trail then has what was planned.
            try? await self.record(result, planned, in: action, on: connection)
            throw error
        }
        try await self.record(result, planned, in: action, on: connection)
        return result
    }

    private struct PurgeDetails: Encodable {
        let days: Int
        let planned: [String]
        var removed: Result?
    }

    private func record(
        _ removed: Result, _ planned: PurgeDetails, in action: Int64, on connection: PostgresConnection
    ) async throws {
        let details = PurgeDetails(days: planned.days, planned: planned.planned, removed: removed)
        try await connection.perform { session in try OperatorAction.complete(action, details, in: session) }
    }

    /// What `run` would remove of whole days.
    ///
    /// - Throws: `PostgresError`.
    package func preview(on connection: PostgresConnection) async throws -> Result {
        var result = Result()
        for day in try await connection.perform({ session in try self.oldDays(in: session) }) {
            if day.isHeld { result.kept.append(day.name) } else { result.dropped.append(day.name) }
        }
        return result
    }

    private struct Day: Sendable {
        let name: String
        let isHeld: Bool
    }

    private func oldDays(in session: PostgresSession) throws -> [Day] {
        try session.query(Self.old, [.int4(Int32(self.days))]) { row in
            let (name, isHeld) = try row.decode(String.self, Bool.self)
            return Day(name: name, isHeld: isHeld)
        }
    }

    private func retirePartitions(_ result: inout Result, on connection: PostgresConnection) async throws {
        let days = try await self.alone(on: connection, waits: false) { session in try self.oldDays(in: session) }
        for day in days {
            guard !day.isHeld else {
                result.kept.append(day.name)
                continue
            }
            do {
                let isRetired = try await self.alone(on: connection) { session in
                    try session.execute(Self.limitLocks)
                    return try session.query(Self.retire, [.text(day.name)]) { row in try row.decode(Bool.self) }[0]
                }
                if isRetired { result.dropped.append(day.name) } else { result.kept.append(day.name) }
            } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
                result.busy.append(day.name)
            }
        }
    }

    /// One slice of each kind of rows.
    ///
    /// - Returns: whether there may be more.
    private func removeRows(_ result: inout Result, on connection: PostgresConnection) async throws -> Bool {
        let statements = [Self.events, Self.deliveries, Self.discarded, Self.replayBatches, Self.replays]
        let counts = try await self.alone(on: connection) { session in
            // Retired days are tables of their own, which nobody waits for; also those that a crash has left.
            for table in try session.query(Self.retired, decode: { row in try row.decode(String.self) }) {
                // Found in the catalogue: eight digits and nothing else.
                try session.script("DROP TABLE skillrelay.\(table)")
            }
            return try statements.map { statement in
                try session.execute(statement, [.int4(Int32(self.days)), .int8(Int64(Self.slice))])
            }
        }
        result.events += counts[0]
        result.deliveries += counts[1]
        result.discarded += counts[2]
        result.replays += counts[4]
        return counts.contains(Self.slice)
    }

    /// One at a time, with a lock that ends with its transaction: one of the session would outlive it behind a pooler. Whoever has begun
    /// waits for its turn.
    private func alone<R: Sendable>(
        on connection: PostgresConnection, waits: Bool = true, _ body: @Sendable (PostgresSession) throws -> R
    ) async throws -> R {
        try await connection.perform { session in
            try session.transaction {
                let lock = waits ? Self.awaitLock : Self.tryLock
                guard try session.query(lock, decode: { row in try row.decode(Bool.self) }) == [true] else {
                    throw OperationError.conflict("another instance removes what is old")
                }
                return try body(session)
            }
        }
    }

    // MARK: Statements

    private static let tryLock = PostgresStatement(
        "retention.tryLock", "SELECT pg_try_advisory_xact_lock(hashtext('skillrelay.retention'))")

    // The function answers nothing, which as text is empty.
    private static let awaitLock = PostgresStatement(
        "retention.awaitLock", "SELECT pg_advisory_xact_lock(hashtext('skillrelay.retention'))::text = ''")

    private static let limitLocks = PostgresStatement("retention.limitLocks", "SET LOCAL lock_timeout = '500ms'")

    // A partition's day is in its name; those made by hand under another name are left alone.
    private static let old = PostgresStatement(
        "retention.old",
        """
        SELECT day::text, skillrelay.is_needed(least, bound)
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        CROSS JOIN LATERAL (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day) AS d
        CROSS JOIN LATERAL (
            SELECT skillrelay.uuid7_floor(day::timestamp AT TIME ZONE 'UTC') AS least,
                skillrelay.uuid7_floor((day + 1)::timestamp AT TIME ZONE 'UTC') AS bound
        ) AS range
        WHERE i.inhparent = 'skillrelay.outbox'::regclass AND c.relname ~ '^outbox_\\d{8}$'
            AND day < (now() AT TIME ZONE 'UTC')::date - $1
        ORDER BY day
        """,
        isReadOnly: true
    )

    private static let retire = PostgresStatement("retention.retire", "SELECT skillrelay.retire_partition($1::date)")

    private static let retired = PostgresStatement(
        "retention.retired",
        """
        SELECT relname::text FROM pg_class
        WHERE relnamespace = 'skillrelay'::regnamespace AND relname ~ '^retired_outbox_\\d{8}$' AND relkind = 'r'
        """,
        isReadOnly: true
    )

    /// The least id of what is kept by its age.
    private static let cutoff = "skillrelay.uuid7_floor(now() - $1 * interval '1 day')"
    /// What tells of events goes after them: none of the row's range is left.
    private static let isOrphan = """
        NOT EXISTS (SELECT FROM skillrelay.outbox AS o WHERE o.id >= batch.least AND o.id <= batch.greatest)
        """

    private static let events = PostgresStatement(
        "retention.events",
        """
        DELETE FROM skillrelay.outbox_default WHERE id IN (
            SELECT id FROM skillrelay.outbox_default AS o
            WHERE id < \(Self.cutoff) AND created_at < now() - $1 * interval '1 day'
                AND NOT EXISTS (SELECT FROM skillrelay.outbox_pending AS p WHERE p.id = o.id)
                AND NOT EXISTS (SELECT FROM skillrelay.outbox_dead AS d WHERE d.id = o.id)
                AND NOT EXISTS (SELECT FROM skillrelay.replays AS r
                    WHERE r.state = 'running' AND r.position < o.id AND r.bound >= o.id)
            ORDER BY id LIMIT $2
        )
        """
    )

    private static let deliveries = PostgresStatement(
        "retention.deliveries",
        """
        DELETE FROM skillrelay.outbox_deliveries WHERE batch IN (
            SELECT batch.batch FROM skillrelay.outbox_deliveries AS batch
            WHERE greatest < \(Self.cutoff) AND confirmed_at < now() - $1 * interval '1 day' AND \(Self.isOrphan)
            LIMIT $2
        )
        """
    )

    private static let discarded = PostgresStatement(
        "retention.discarded",
        """
        DELETE FROM skillrelay.outbox_discarded WHERE id IN (
            SELECT id FROM skillrelay.outbox_discarded AS d
            WHERE id < \(Self.cutoff) AND discarded_at < now() - $1 * interval '1 day'
                AND NOT EXISTS (SELECT FROM skillrelay.outbox AS o WHERE o.id = d.id)
            ORDER BY id LIMIT $2
        )
        """
    )

    private static let replayBatches = PostgresStatement(
        "retention.replayBatches",
        """
        DELETE FROM skillrelay.replay_batches WHERE batch IN (
            SELECT batch.batch FROM skillrelay.replay_batches AS batch
            WHERE greatest < \(Self.cutoff) AND queued_at < now() - $1 * interval '1 day' AND \(Self.isOrphan)
            LIMIT $2
        )
        """
    )

    private static let replays = PostgresStatement(
        "retention.replays",
        """
        DELETE FROM skillrelay.replays WHERE id IN (
            SELECT id FROM skillrelay.replays AS r
            WHERE finished_at < now() - $1 * interval '1 day'
                AND NOT EXISTS (SELECT FROM skillrelay.replay_batches AS b WHERE b.replay_id = r.id)
            LIMIT $2
        )
        """
    )
}
