import HTTPTypes
import Hummingbird

/// Ends the connection after a request that asks to change its protocol, which we never do.
///
/// The HTTP parser reads nothing after such a request (an upgrade, or CONNECT): kept alive, the connection would ignore the next one.
struct UpgradeMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        if request.method == .connect || request.headers[.upgrade] != nil {
            response.headers[.connection] = "close"
        }
        return response
    }
}
