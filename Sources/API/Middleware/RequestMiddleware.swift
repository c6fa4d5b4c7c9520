import Hummingbird
import NIOHTTP1

/// What every request passes, whatever its route: its steps share one layer, because a layer costs more than each of them.
struct RequestMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    let limits: APILimits

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        let accessLog = AccessLog(context.logger)
        var response: Response
        do {
            // Before anything is done about the request.
            let limit =
                MessageController.takesLargeBody(request, at: context.endpointPath)
                ? self.limits.maxMessageBytes : self.limits.maxBodyBytes
            guard request.announcedBodyLength ?? 0 <= limit else { throw RequestError.bodyTooLarge }
            try CanonicalPath.check(request, isKnown: context.endpointPath != nil)
            response = try await next(request, context)
        } catch let error as HTTPParserError {
            // The rest of the connection cannot be understood; what answers it is `ConnectionGuard`.
            throw error
        } catch {
            response = ErrorAnswer.response(to: request, error, context: context)
        }
        LastAnswer.mark(&response, to: request)
        accessLog?.note(request, response)
        return response
    }
}
