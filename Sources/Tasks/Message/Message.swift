package import Foundation
package import JSON
package import Postgres

/// What an agent or its user said, in parts.
package struct Message: Sendable {
    package let id: UUID
    package let sessionID: UUID
    package let parentID: UUID?
    package let role: String
    /// JSON text of an object: all that is stored, the keys of our own among it.
    package let meta: String
    /// JSON text of an array of parts.
    package let parts: String
    package let taskID: UUID?
    /// What has become of it: `pending`, `running`, `success`, `failed`, or a word of a later Acontext.
    package let processStatus: String
    package let createdAt: PostgresTimestamp
    package let updatedAt: PostgresTimestamp
}

/// One part of a message (contract.md §6.2).
package struct MessagePart: Sendable, Hashable {
    package var type: String
    package var text: String?
    package var asset: StoredAsset?
    package var filename: String?
    /// An object.
    package var meta: JSONValue?

    package init(
        type: String, text: String? = nil, asset: StoredAsset? = nil, filename: String? = nil, meta: JSONValue? = nil
    ) {
        self.type = type
        self.text = text
        self.asset = asset
        self.filename = filename
        self.meta = meta
    }
}

/// Where bytes of a message lie in the object store, in upstream's words.
package struct StoredAsset: Sendable, Hashable {
    package let bucket: String
    package let key: String
    /// Without quotes.
    package let etag: String
    /// Lowercase hexadecimal, of the exact bytes.
    package let sha256: String
    package let contentType: String
    package let size: Int

    package init(bucket: String, key: String, etag: String, sha256: String, contentType: String, size: Int) {
        self.bucket = bucket
        self.key = key
        self.etag = etag
        self.sha256 = sha256
        self.contentType = contentType
        self.size = size
    }

    /// Of its JSON with a file's name, generously.
    static let maxBytes = 8192

    /// `{bucket, s3_key, etag, sha256, mime, size_b}`: CORE wants all of them (contract.md §6.2).
    package var json: JSONValue {
        [
            "bucket": .string(self.bucket), "s3_key": .string(self.key), "etag": .string(self.etag),
            "sha256": .string(self.sha256), "mime": .string(self.contentType), "size_b": .number(String(self.size)),
        ]
    }
}
