import Hummingbird

/// Finds the project whose token the request carries.
struct AuthMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    let authenticator: Authenticator

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.project = try await self.authenticator.project(authorization: request.headers[.authorization])
        return try await next(request, context)
    }
}
