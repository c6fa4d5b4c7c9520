import Foundation
import JSON
package import Logging
package import Postgres
package import S3

/// Keeps the parts of messages: in an object store, where CORE looks for them, or in the database.
package struct PartStorage: Sendable {
    /// Nil: in the database.
    private let store: ObjectStore?

    /// In the database. What Acontext has put into an object store cannot be read then.
    package init() {
        self.store = nil
    }

    /// In the object store. What is in the database is read all the same.
    ///
    /// - Parameters:
    ///   - objects: the store.
    ///   - pool: to the database that counts who uses its objects.
    ///   - logger: gets a line for each message whose parts are not there.
    package init(objects: S3Client, pool: PostgresPool, logger: Logger) {
        self.store = ObjectStore(objects: objects, pool: pool, logger: logger)
    }

    /// Uploads what a message brings. What it had brought `before`, when that can be used no more, is given up: other keys make other parts.
    ///
    /// - Throws: `TasksError.messageTooLarge`, `TasksError.filesNeedObjectStore`, `TasksError.objectStoreUnavailable`, `S3Error`, `PostgresError`.
    func keep(_ new: NewMessage, insteadOf before: StoredParts? = nil) async throws -> StoredParts {
        let parts = try await self.upload(new)
        if let store, let before { try await store.abandon(before.uses, for: parts.uses) }
        return parts
    }

    private func upload(_ new: NewMessage) async throws -> StoredParts {
        // Only what was uploaded here is an asset.
        var parts = new.parts
        for index in parts.indices { parts[index].asset = nil }
        guard let store else {
            guard new.files.isEmpty else { throw TasksError.filesNeedObjectStore }
            return StoredParts(text: Self.text(of: parts), asset: nil, uses: [])
        }
        // Where its files lie is still to be added to it.
        let room = ObjectStore.maxPartsBytes - new.files.count * StoredAsset.maxBytes
        guard Self.text(of: parts).utf8.count <= room else { throw TasksError.messageTooLarge }
        let files = new.files.map { file in ObjectStore.Upload(file: file) }
        let kept = try await store.keep(files, project: new.projectID)
        for (file, upload) in zip(new.files, files) {
            parts[file.part].asset = kept[upload.sha256]?.asset
            parts[file.part].filename = file.filename
        }
        let text = Self.text(of: parts)
        let whole = ObjectStore.Upload(parts: text)
        let object = try await store.keep([whole], project: new.projectID)[whole.sha256]
        var uses = kept.values.map { file in
            let count = files.count { $0.sha256 == file.asset.sha256 }
            return AssetReferences.Use(reservation: file.reservation, asset: file.asset, count: count)
        }
        if let object {
            uses.append(.init(reservation: object.reservation, asset: object.asset, count: 1))
        }
        return StoredParts(text: text, asset: object?.asset, uses: uses)
    }

    private static func text(of parts: [MessagePart]) -> String {
        JSONValue.array(parts.map(\.json)).text
    }

    /// The messages with their parts. One whose parts are not in the store is left out, as upstream does: Acontext may be about to upload
    /// them.
    ///
    /// - Throws: `TasksError.partsInObjectStore`, `TasksError.objectStoreUnavailable`, `S3Error`.
    func load(_ rows: [MessageRow]) async throws -> [Message] {
        try await concurrently(rows, limit: ObjectStore.mostReads) { row -> Message? in
            if let parts = row.parts { return row.message(parts: parts) }
            guard let store else { throw TasksError.partsInObjectStore }
            return try await store.parts(of: row).map { row.message(parts: $0) }
        }.compactMap { $0 }
    }

    /// Where clients can fetch the files of these messages, by their SHA-256.
    func publicURLs(of messages: [Message]) -> [String: (url: String, expiresAt: PostgresTimestamp)] {
        guard let store else { return [:] }
        let assets = messages.flatMap { Self.assets(inParts: $0.parts) }
        let now = Date.now
        let end = now.addingTimeInterval(Double(ObjectStore.publicSeconds))
        let expiresAt = PostgresTimestamp(unixMicroseconds: Int64(end.timeIntervalSince1970) * 1_000_000)
        return Dictionary(
            assets.map { ($0.sha256, (store.publicURL(of: $0, at: now), expiresAt)) }, uniquingKeysWith: { $1 }
        )
    }

    /// The files that parts name; none, if they are no parts.
    static func assets(inParts text: String) -> [StoredAsset] {
        let parts = try? JSONValue(stored: text)  // what is no JSON names none
        return (parts?.array ?? []).compactMap { $0["asset"].flatMap { StoredAsset($0) } }
    }
}

/// Does `work` for each item, for so many at a time; the results in order.
func concurrently<Item: Sendable, Result: Sendable>(
    _ items: [Item],
    limit: Int,
    _ work: @escaping @Sendable (Item) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var results: [Result?] = Array(repeating: nil, count: items.count)
        for (index, item) in items.enumerated() {
            if index >= limit, let (done, result) = try await group.next() { results[done] = result }
            group.addTask { (index, try await work(item)) }
        }
        for try await (done, result) in group { results[done] = result }
        return results.compactMap { $0 }
    }
}
