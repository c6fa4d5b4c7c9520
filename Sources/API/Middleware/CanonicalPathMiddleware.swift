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
        guard !path.contains("//") else { throw RequestError.notFound }
        // The router has set the endpoint's path exactly when it knows one.
        if path.count > 1, path.last == "/", context.endpointPath != nil {
            let query = request.uri.query.map { "?\($0)" } ?? ""
            let isSafe = request.method == .get || request.method == .head
            throw RequestError.moved(to: path.dropLast() + query, isSafe: isSafe)
        }
        return try await next(request, context)
    }
}
