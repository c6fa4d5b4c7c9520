/// A user's identifier as clients give it.
enum UserIdentifier {
    /// What PostgreSQL can keep in the unique index over project and identifier, with room to spare: an entry has at
    /// most a third of an 8 KiB page.
    static let maxBytes = 2048

    /// - Returns: nil for none and for the empty string.
    /// - Throws: `RequestError.invalidParameter` when it is too long.
    static func check(_ identifier: String?) throws(RequestError) -> String? {
        guard let identifier, !identifier.isEmpty else { return nil }
        guard identifier.utf8.count <= Self.maxBytes else { throw .invalidParameter }
        return identifier
    }
}
