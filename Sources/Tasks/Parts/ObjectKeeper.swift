import Foundation
package import Logging
package import Postgres
package import S3
import ServiceLifecycle

/// Takes out of the object store what no message uses any more: what deleted sessions have left in `skillrelay.object_removals` and
/// `skillrelay.part_releases`, and what was uploaded for messages that were never written. Several instances may be at it at once.
package struct ObjectKeeper: Service {
    private let objects: S3Client
    private let pool: PostgresPool
    private let logger: Logger

    private static let interval = Duration.seconds(5)
    /// Looking for what was forgotten reads the whole table of references.
    private static let sweepInterval = Duration.seconds(3600)
    private static let sweepTimeout = Duration.seconds(60)
    /// So many objects that the store does not let go, one after the other, are its own fault.
    private static let mostFailuresInARow = 3
    private static let chunk = 100
    /// What was read from the queue is removed within this time, or read again.
    private static let chunkTime = Duration.seconds(60)

    package init(objects: S3Client, pool: PostgresPool, logger: Logger) {
        self.objects = objects
        self.pool = pool
        self.logger = logger
    }

    /// Looks every few seconds, until graceful shutdown. Says first whether the store can be used: messages come later.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await self.check()
            var nextSweep = ContinuousClock.now
            while !Task.isCancelled {
                if ContinuousClock.now >= nextSweep {
                    nextSweep = .now + Self.sweepInterval
                    await self.logging("Uploads that came to nothing could not be looked for", self.sweep)
                }
                await self.logging("Unused objects could not be removed, trying again", self.tidy)
                try? await Task.sleep(for: Self.interval)  // cancelled: the loop ends
            }
        }
    }

    private func logging(_ message: Logger.Message, _ work: () async throws -> Void) async {
        do {
            try await work()
        } catch {
            guard !Task.isCancelled else { return }
            self.logger.info(message, error: error)
        }
    }

    private func check() async {
        do {
            _ = try await self.objects.listObjects(prefix: "parts/", limit: 1)
        } catch {
            guard error.code != .cancelled else { return }
            self.logger.error("the object store cannot be used", error: error)
        }
    }

    /// Queues the objects of uploads that came to nothing.
    ///
    /// - Throws: `PostgresError`.
    func sweep() async throws {
        while try await self.pool.perform({ session in
            try session.transaction(statementTimeout: Self.sweepTimeout) { try AssetReferences.sweep(in: session) }
        }) > 0 {}
    }

    /// Does all that is due. An entry that fails is put off, so that it is not before the others the next time.
    ///
    /// - Throws: `S3Error` when it is likely to be the store's fault, `PostgresError`; what is not done then stays queued.
    func tidy() async throws {
        var failure: (any Error)?
        do {
            try await self.giveBackAll()
        } catch {
            failure = error  // what cannot be read holds up nothing that can be removed
        }
        try await self.removeAll()
        if let failure { throw failure }
    }

    private func giveBackAll() async throws {
        while true {
            let releases = try await self.pool.read(Self.listReleases, [], decode: Release.init(row:))
            guard !releases.isEmpty else { break }
            try await self.each(of: releases, orLater: Self.postponeRelease, { .uuid($0.message) }, self.giveBack)
        }
    }

    private func removeAll() async throws {
        while true {
            let removals = try await self.pool.read(Self.listRemovals, [], decode: Removal.init(row:))
            guard !removals.isEmpty else { break }
            try await self.each(of: removals, orLater: Self.postponeRemoval, { .text($0.key) }, self.remove)
        }
        _ = try await self.pool.perform { session in try session.execute(Self.forgetRemoved) }
    }

    private func each<Entry>(
        of entries: [Entry],
        orLater postpone: PostgresStatement,
        _ key: (Entry) -> PostgresValue,
        _ work: (Entry) async throws -> Void
    ) async throws {
        let begin = ContinuousClock.now
        var failuresInARow = 0
        for entry in entries where ContinuousClock.now - begin < Self.chunkTime {
            do {
                try await work(entry)
                failuresInARow = 0
            } catch let error as S3Error where error.code != .cancelled {
                let isAway = error.code == .unavailable
                let parameters = [key(entry), .int8(isAway ? 5 : 60)]
                _ = try await self.pool.perform { session in try session.execute(postpone, parameters) }
                failuresInARow += 1
                guard !isAway, failuresInARow < Self.mostFailuresInARow else { throw error }
                self.logger.warning(
                    "An object of a deleted message cannot be read or removed, trying again in a minute", error: error)
            }
        }
    }

    // MARK: Messages that Acontext had stored

    private struct Release: Sendable {
        let message: UUID
        let project: UUID
        let sha256: String
        let key: String

        init(row: borrowing PostgresRow) throws {
            (self.message, self.project, self.sha256, self.key) = try row.decode(
                UUID.self, UUID.self, String.self, String.self
            )
        }
    }

    private func giveBack(_ release: Release) async throws {
        let parts = try await self.parts(at: release.key)
        let used = [release.sha256] + PartStorage.assets(inParts: String(decoding: parts, as: UTF8.self)).map(\.sha256)
        try await self.pool.attempt { session, _ in
            try session.transaction {
                // Unless another instance has done it.
                guard try session.execute(Self.takeRelease, [.uuid(release.message)]) == 1 else { return }
                try AssetReferences.release(
                    used.filter { !$0.isEmpty }.map { ($0, 1) }, project: release.project, in: session
                )
            }
        }
    }

    /// What the parts of a deleted message say; nothing, where they cannot be read: its files stay then, as nobody knows which they are.
    private func parts(at key: String) async throws(S3Error) -> [UInt8] {
        do {
            return try await self.objects.getObject(key, limit: ObjectStore.maxPartsBytes)
        } catch {
            guard error.code == .objectMissing || error.code == .tooLarge else { throw error }
            self.logger.info("The parts of a deleted message cannot be read", error: error)
            return []
        }
    }

    private static let listReleases = PostgresStatement(
        "part_releases.list",
        """
        SELECT message_id, project_id, sha256, s3_key FROM skillrelay.part_releases WHERE due_at <= clock_timestamp()
        ORDER BY due_at LIMIT \(Self.chunk)
        """,
        isReadOnly: true
    )

    private static let takeRelease = PostgresStatement(
        "part_releases.take", "DELETE FROM skillrelay.part_releases WHERE message_id = $1"
    )

    private static let postponeRelease = PostgresStatement(
        "part_releases.postpone",
        "UPDATE skillrelay.part_releases SET due_at = clock_timestamp() + interval '1 second' * $2 WHERE message_id = $1"
    )

    // MARK: Objects

    private struct Removal: Sendable {
        let key: String
        let project: UUID
        let sha256: String

        init(row: borrowing PostgresRow) throws {
            (self.key, self.project, self.sha256) = try row.decode(String.self, UUID.self, String.self)
        }
    }

    private func remove(_ removal: Removal) async throws {
        let forgotten = try await self.pool.perform { session in
            try session.execute(
                Self.forgetUsed, [.text(removal.key), .uuid(removal.project), .text(removal.sha256)]
            )
        }
        guard forgotten == 0 else { return }
        try await self.objects.deleteObject(removal.key)
        _ = try await self.pool.perform { session in try session.execute(Self.markRemoved, [.text(removal.key)]) }
    }

    private static let listRemovals = PostgresStatement(
        "object_removals.list",
        """
        SELECT s3_key, project_id, sha256 FROM skillrelay.object_removals
        WHERE removed_at IS NULL AND due_at <= clock_timestamp()
        ORDER BY due_at LIMIT \(Self.chunk)
        """,
        isReadOnly: true
    )

    private static let postponeRemoval = PostgresStatement(
        "object_removals.postpone",
        "UPDATE skillrelay.object_removals SET due_at = clock_timestamp() + interval '1 second' * $2 WHERE s3_key = $1"
    )

    // Acontext beside us may have come to use an object again since it was queued.
    private static let forgetUsed = PostgresStatement(
        "object_removals.forgetUsed",
        """
        DELETE FROM skillrelay.object_removals AS o WHERE o.s3_key = $1 AND EXISTS (
            SELECT FROM public.asset_references AS r
            WHERE r.project_id = $2 AND r.sha256 = $3 AND r.s3_key = o.s3_key AND r.ref_count > 0
        )
        """
    )

    private static let markRemoved = PostgresStatement(
        "object_removals.markRemoved",
        "UPDATE skillrelay.object_removals SET removed_at = now() WHERE s3_key = $1"
    )

    // Far longer than anybody takes from reading a key to removing its object.
    private static let forgetRemoved = PostgresStatement(
        "object_removals.forgetRemoved",
        "DELETE FROM skillrelay.object_removals WHERE removed_at < now() - interval '10 minutes'"
    )
}
