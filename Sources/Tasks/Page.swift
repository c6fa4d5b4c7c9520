package import Foundation
package import Postgres

/// What a caller may ask of a list.
package struct PageRequest: Sendable {
    /// 1 to 200; nil for everything.
    package var limit: Int?
    package var cursor: PageCursor?
    package var newestFirst: Bool

    package init(limit: Int? = 20, cursor: PageCursor? = nil, newestFirst: Bool = false) {
        self.limit = limit
        self.cursor = cursor
        self.newestFirst = newestFirst
    }
}

/// Up to `limit` items, and where the next page begins if there is one.
package struct Page<Item: Sendable>: Sendable {
    package let items: [Item]
    package let next: PageCursor?

    /// `rows` holds one more than `limit`, if there are that many.
    init(rows: [Item], limit: Int?, cursor: (Item) -> PageCursor) {
        let kept = rows.prefix(limit ?? rows.count)
        self.items = Array(kept)
        self.next = rows.count > kept.count ? kept.last.map(cursor) : nil
    }

    init(items: [Item], next: PageCursor?) {
        self.items = items
        self.next = next
    }
}

/// The place after one row of a list ordered by creation time and id (contract.md §2.1).
package struct PageCursor: Sendable, Hashable {
    package let createdAt: PostgresTimestamp
    package let id: UUID

    package init(createdAt: PostgresTimestamp, id: UUID) {
        self.createdAt = createdAt
        self.id = id
    }

    /// Unpadded base64url of `<Unix nanoseconds>|<lowercase uuid>`.
    package var text: String {
        Data("\(self.createdAt.unixMicroseconds)000|\(self.id.lowercased)".utf8).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// - Throws: `TasksError.invalidCursor` for a text of any other form.
    package init(text: String) throws(TasksError) {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/") + padding
        guard !text.contains(where: { $0 == "+" || $0 == "/" || $0 == "=" }),
            let data = Data(base64Encoded: base64),
            let decoded = String(data: data, encoding: .utf8)
        else { throw .invalidCursor }
        let parts = decoded.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 2, let nanoseconds = Int64(parts[0]), let id = UUID(uuidString: String(parts[1])) else {
            throw .invalidCursor
        }
        self.createdAt = PostgresTimestamp(unixMicroseconds: nanoseconds / 1000)
        self.id = id
    }
}
