import Hummingbird

/// Gives each route one path. Hummingbird's router skips empty path components; upstream sends a client away from a
/// slash at the end and knows no path with two in a row (contract.md §1.2).
struct CanonicalPathMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        // Also before any redirect: `//host/` would lead to another host.
        let slash = UInt8(ascii: "/")
        guard !zip(path.utf8, path.utf8.dropFirst()).contains(where: { $0 == slash && $1 == slash }) else {
            throw RequestError.notFound
        }
        // The router has set the endpoint's path exactly when it knows one.
        if path.utf8.count > 1, path.utf8.last == slash, context.endpointPath != nil {
            let query = request.uri.query.map { "?\($0)" } ?? ""
            let isSafe = request.method == .get || request.method == .head
            throw RequestError.moved(to: path.dropLast() + query, isSafe: isSafe)
        }
        return try await next(request, context)
    }
}
