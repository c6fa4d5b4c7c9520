import Hummingbird
import Logging

/// One line at `debug` for each request: never the query, a header or a body, where secrets travel.
///
/// Hummingbird's own log middleware has neither status nor duration and prints the query.
struct AccessLogMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    private static let maxPathLength = 256

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        guard context.logger.logLevel <= .debug else { return try await next(request, context) }
        let start = ContinuousClock.now
        let response = try await next(request, context)
        let duration = ContinuousClock.now - start
        context.logger.debug(
            "Request answered",
            metadata: [
                LogKey.method: "\(request.method.rawValue)",
                LogKey.path: "\(request.uri.path.prefix(Self.maxPathLength))",
                LogKey.status: "\(response.status.code)",
                LogKey.microseconds: "\(duration / .microseconds(1))",
            ]
        )
        return response
    }
}
