import Tasks

extension PageRequest {
    /// `limit` (1 to 200, by default 20), `cursor` and `time_desc`. With `isUnlimited` a limit of 0, or none, is everything, whatever the
    /// cursor.
    ///
    /// - Throws: `RequestError.invalidParameter`, `TasksError.invalidCursor`.
    init(query: QueryParameters, isUnlimited: Bool = false) throws {
        let limit = try query.integer("limit") ?? (isUnlimited ? 0 : 20)
        guard ((isUnlimited ? 0 : 1)...200).contains(limit) else { throw RequestError.invalidParameter }
        let newestFirst = try query.bool("time_desc") ?? false
        guard limit > 0 else {
            self.init(limit: nil, newestFirst: newestFirst)
            return
        }
        let cursor = try query.string("cursor").map { text in try PageCursor(text: text) }
        self.init(limit: limit, cursor: cursor?.id == .nilUUID ? nil : cursor, newestFirst: newestFirst)
    }
}
