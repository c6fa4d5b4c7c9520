import Hummingbird

/// Refuses a body that is announced as too large, on every route, before anything is done about the request.
struct BodyLimitMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    let maxBytes: Int

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        guard request.announcedBodyLength ?? 0 <= self.maxBytes else { throw RequestError.bodyTooLarge }
        return try await next(request, context)
    }
}
