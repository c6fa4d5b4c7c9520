import Tasks

extension MessagePageRequest {
    /// `limit` (0 to 200; 0 or none: all, and then without a cursor), `cursor` and `time_desc`.
    ///
    /// - Throws: `RequestError.invalidParameter`, `TasksError.invalidCursor`.
    init(query: QueryParameters) throws {
        let limit = try query.integer("limit") ?? 0
        guard (0...200).contains(limit) else { throw RequestError.invalidParameter }
        let newestFirst = try query.bool("time_desc") ?? false
        let text = limit == 0 ? nil : query.string("cursor")
        let cursor = try text.map { text in try PageCursor(text: text) }
        self.init(limit: limit, cursor: cursor?.id == .nilUUID ? nil : cursor, newestFirst: newestFirst)
    }
}
