import Hummingbird

/// Lets nobody by without the operator's token.
struct OperatorAuthMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    let token: OperatorToken

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        guard self.token.matches(authorization: request.headers[.authorization]) else {
            throw RequestError.unauthorized
        }
        return try await next(request, context)
    }
}
