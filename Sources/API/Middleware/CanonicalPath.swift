import Hummingbird

/// Gives each route one path. Hummingbird's router skips empty path components; upstream sends a client away from a
/// slash at the end and knows no path with two in a row (contract.md §1.2).
enum CanonicalPath {
    private static let slash = UInt8(ascii: "/")

    /// - Parameters:
    ///   - request: its path and query are looked at.
    ///   - isKnown: whether the router has a route of this path.
    /// - Throws: `RequestError.notFound`, `RequestError.moved`.
    static func check(_ request: Request, isKnown: Bool) throws(RequestError) {
        let path = request.uri.path
        var previous: UInt8 = 0
        for byte in path.utf8 {
            // Also before any redirect: `//host/` would lead to another host.
            guard byte != Self.slash || previous != Self.slash else { throw .notFound }
            previous = byte
        }
        if isKnown, previous == Self.slash, path.utf8.count > 1 {
            let query = request.uri.query.map { "?\($0)" } ?? ""
            throw .moved(to: path.dropLast() + query, isSafe: request.method == .get || request.method == .head)
        }
    }
}
