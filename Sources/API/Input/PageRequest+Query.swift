import Tasks

extension PageRequest {
    /// `limit` (1 to 200, by default 20), `cursor` and `time_desc`.
    ///
    /// - Throws: `RequestError.invalidParameter`, `TasksError.invalidCursor`.
    init(query: QueryParameters) throws {
        let limit = try query.integer("limit") ?? 20
        guard (1...200).contains(limit) else { throw RequestError.invalidParameter }
        let newestFirst = try query.bool("time_desc") ?? false
        let cursor = try query.string("cursor").map { text in try PageCursor(text: text) }
        self.init(limit: limit, cursor: cursor?.id == .nilUUID ? nil : cursor, newestFirst: newestFirst)
    }
}
