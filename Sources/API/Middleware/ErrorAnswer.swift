import HTTPTypes
import Hummingbird
import Logging

/// Turns every error into the envelope, and logs the ones that nobody foresaw, once.
enum ErrorAnswer {
    static func response(to request: Request, _ error: any Error, context: RelayContext) -> Response {
        let response = Envelope.failure(Self.failure(for: error, context: context), requestID: context.requestID)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private static func failure(for error: any Error, context: RelayContext) -> Failure {
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
