import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Turns every error into the envelope, and logs the ones that nobody foresaw, once.
struct ErrorMiddleware: RouterMiddleware {
    typealias Context = RelayContext

    func handle(
        _ request: Request,
        context: RelayContext,
        next: @concurrent (Request, RelayContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPParserError {
            // The rest of the connection cannot be understood; what answers it is `ConnectionGuard`.
            throw error
        } catch {
            let response = Envelope.failure(self.failure(for: error, context: context), requestID: context.requestID)
            return request.method == .head ? response.createHeadResponse() : response
        }
    }

    private func failure(for error: any Error, context: RelayContext) -> Failure {
        if let failure = Failure.expected(for: error) {
            context.logger.debug("Request refused", error: error, metadata: [LogKey.status: "\(failure.status.code)"])
            return failure
        }
        let failure = Failure.unforeseen(error)
        context.logger.error(
            "Request failed", error: error,
            metadata: [LogKey.status: "\(failure.status.code)", LogKey.route: "\(context.endpointPath ?? "")"]
        )
        return failure
    }
}
