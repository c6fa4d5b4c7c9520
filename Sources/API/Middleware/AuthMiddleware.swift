import Hummingbird
import Logging
import Postgres
import Tasks

/// Finds the project whose token the request carries.
struct AuthMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    let authenticator: Authenticator

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        let project = try await self.authenticator.project(authorization: request.headers[.authorization])
        var context = context
        context.project = project
        context.logger[metadataKey: LogKey.project] = "\(project.id.lowercased)"
        return try await next(request, context)
    }
}
