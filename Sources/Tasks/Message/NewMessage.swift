package import Foundation
package import JSON
package import Postgres

/// A message to store, in the one form that all formats are brought into.
package struct NewMessage: Sendable {
    package var sessionID: UUID
    package var projectID: UUID
    /// `user` or `assistant`.
    package var role: String
    /// Without assets: those of `files` are made when they are uploaded.
    package var parts: [MessagePart]
    package var files: [UploadedFile]
    /// An object: the keys of our own, and `__user_meta__` if there is any.
    package var meta: JSONValue

    package init(
        sessionID: UUID, projectID: UUID, role: String, parts: [MessagePart], files: [UploadedFile] = [],
        meta: JSONValue = [:]
    ) {
        self.sessionID = sessionID
        self.projectID = projectID
        self.role = role
        self.parts = parts
        self.files = files
        self.meta = meta
    }
}

/// A file that came with a message.
package struct UploadedFile: Sendable {
    /// Index of the part that it belongs to.
    package var part: Int
    package var filename: String
    package var contentType: String
    package var bytes: [UInt8]

    package init(part: Int, filename: String, contentType: String, bytes: [UInt8]) {
        self.part = part
        self.filename = filename
        self.contentType = contentType
        self.bytes = bytes
    }
}

/// What a stored message sets off, unless its session has task tracking disabled.
package struct MessageTriggers: Sendable {
    /// An `InsertNewMessage` event, for CORE.
    package var writesEvent: Bool
    /// A row of `skillrelay.extraction_queue`, for the built-in extractor.
    package var queuesExtraction: Bool

    package init(writesEvent: Bool = true, queuesExtraction: Bool = false) {
        self.writesEvent = writesEvent
        self.queuesExtraction = queuesExtraction
    }
}

/// What a caller may ask of a session's messages. However they are cut, they come oldest first.
package struct MessagePageRequest: Sendable {
    /// 0 to 200; 0: all, whatever the cursor.
    package var limit: Int
    package var cursor: PageCursor?
    /// Begin with the newest, not with the oldest.
    package var newestFirst: Bool

    package init(limit: Int = 0, cursor: PageCursor? = nil, newestFirst: Bool = false) {
        self.limit = limit
        self.cursor = cursor
        self.newestFirst = newestFirst
    }
}

/// How many of a session's messages the task agent has seen, sees now, and has yet to see.
package struct ObservingStatus: Sendable, Hashable {
    package let observed: Int
    package let inProcess: Int
    package let pending: Int
    /// When that was so.
    package let updatedAt: PostgresTimestamp
}
