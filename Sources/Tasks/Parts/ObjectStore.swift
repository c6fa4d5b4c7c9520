import Foundation
import JSON
import Logging
import Postgres
import S3

/// The objects of messages, in upstream's layout (contract.md §6.3).
struct ObjectStore: Sendable {
    let objects: S3Client
    let pool: PostgresPool
    let logger: Logger

    /// Objects fetched at one time for one list.
    static let mostReads = 16
    private static let mostUploads = 4
    /// Parts larger than this are not stored, and not read.
    static let maxPartsBytes = 32 << 20
    /// As upstream.
    static let publicSeconds = 24 * 3600

    /// Bytes that are to be an object.
    struct Upload: Sendable {
        let bytes: [UInt8]
        let sha256: String
        let contentType: String
        private let folder: String
        private let ending: String

        init(parts text: String) {
            self.bytes = Array(text.utf8)
            self.sha256 = S3.sha256(self.bytes)
            self.contentType = "application/json"
            self.folder = "parts"
            self.ending = ".json"
        }

        init(file: UploadedFile) {
            self.bytes = file.bytes
            self.sha256 = S3.sha256(file.bytes)
            self.contentType = file.contentType
            self.folder = "assets"
            self.ending = Self.ending(of: file.filename)
        }

        /// The file's extension, with its dot, in lowercase; none if it has other than a few letters and digits.
        private static func ending(of filename: String) -> String {
            guard let dot = filename.lastIndex(of: ".") else { return "" }
            let letters = filename[filename.index(after: dot)...].lowercased()
            let isPlain = letters.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
            return isPlain && (1...16).contains(letters.utf8.count) ? "." + letters : ""
        }

        /// The key of today; the other has the hash in it, too, and a number that no other key has.
        func keys(project: UUID) -> (usual: String, other: String) {
            let now = PostgresTimestamp(unixMicroseconds: Int64(Date.now.timeIntervalSince1970) * 1_000_000)
            let day = String(decoding: now.rfc3339.prefix(10), as: UTF8.self).replacing("-", with: "/")
            let stem = "\(self.folder)/\(project.lowercased)/\(day)/\(self.sha256)"
            return (stem + self.ending, stem + "-" + UUID().lowercased + self.ending)
        }
    }

    /// An object that is there, and the row that it is counted in.
    struct Kept: Sendable {
        let reservation: UUID
        let asset: StoredAsset
    }

    /// Has the objects in the store, by their SHA-256; what is there already is not uploaded again.
    ///
    /// It asks `asset_references`, not the store: upstream lists all of a project's objects for this. What no row counts is uploaded, over
    /// what may be there under its key: the same bytes.
    ///
    /// - Throws: `TasksError.objectStoreUnavailable`, `S3Error`, `PostgresError`.
    func keep(_ uploads: [Upload], project: UUID) async throws -> [String: Kept] {
        guard !uploads.isEmpty else { return [:] }
        let unique = Dictionary(uploads.map { ($0.sha256, $0) }, uniquingKeysWith: { first, _ in first })
        let wanted = unique.values.map { upload in
            AssetReferences.Wanted(sha256: upload.sha256, keys: upload.keys(project: project))
        }
        let reservations = try await self.pool.attempt { database, _ in
            try database.transaction { try AssetReferences.reserve(wanted, project: project, in: database) }
        }
        let kept = try await concurrently(reservations, limit: Self.mostUploads) { reservation -> Kept? in
            guard let upload = unique[reservation.sha256] else { return nil }
            return Kept(reservation: reservation.id, asset: try await self.keep(upload, reservation))
        }
        return Dictionary(uniqueKeysWithValues: kept.compactMap { $0 }.map { ($0.asset.sha256, $0) })
    }

    private func keep(_ upload: Upload, _ reservation: AssetReferences.Reservation) async throws -> StoredAsset {
        if let asset = reservation.asset { return asset }
        let etag = try await Self.asking {
            try await self.objects.putObject(
                upload.bytes, at: reservation.key, contentType: upload.contentType,
                metadata: ["sha256": upload.sha256]
            )
        }
        return StoredAsset(
            bucket: self.objects.configuration.bucket, key: reservation.key, etag: etag, sha256: upload.sha256,
            contentType: upload.contentType, size: upload.bytes.count
        )
    }

    /// Gives up what was kept and is not among what is kept now.
    ///
    /// - Throws: `PostgresError`.
    func abandon(_ uses: [AssetReferences.Use], for others: [AssetReferences.Use]) async throws {
        let kept = Set(others.map(\.asset.sha256))
        let left = uses.filter { !kept.contains($0.asset.sha256) }
        guard !left.isEmpty else { return }
        try await self.pool.attempt { database, _ in try AssetReferences.abandon(left, in: database) }
    }

    /// JSON text of the row's parts; nil when they are not there, or are no parts.
    ///
    /// - Throws: `TasksError.objectStoreUnavailable`, `S3Error`.
    func parts(of row: MessageRow) async throws -> String? {
        let asset = try? JSONValue(stored: row.asset)  // what cannot be read names nothing
        guard let key = asset?["s3_key"]?.string, !key.isEmpty else {
            self.leaveOut(row, "nothing says where they are")
            return nil
        }
        let bytes: [UInt8]
        do {
            bytes = try await Self.asking { try await self.objects.getObject(key, limit: Self.maxPartsBytes) }
        } catch let error as S3Error where error.code == .objectMissing || error.code == .tooLarge {
            self.leaveOut(row, error.reason)
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self), Self.isArray(bytes) else {
            self.leaveOut(row, "not a JSON array")
            return nil
        }
        return text
    }

    private static func isArray(_ bytes: [UInt8]) -> Bool {
        var scanner = JSONScanner(bytes, isToBeStored: false)
        return (try? scanner.value()) == .array && scanner.peek() == nil
    }

    private func leaveOut(_ row: MessageRow, _ reason: String) {
        self.logger.warning(
            "A message is left out, its parts cannot be read",
            metadata: ["message.id": "\(row.id.lowercased)", "reason": "\(reason)"]
        )
    }

    func publicURL(of asset: StoredAsset, at time: Date) -> String {
        self.objects.presignedURL(asset.key, seconds: Self.publicSeconds, time: time)
    }

    /// What fails because the store is away is said in our own words; the client has logged it.
    private static func asking<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as S3Error where error.code == .unavailable || error.code == .cancelled {
            throw TasksError.objectStoreUnavailable
        }
    }
}
