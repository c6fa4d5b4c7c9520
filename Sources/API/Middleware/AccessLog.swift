import Hummingbird
import Logging

/// One line at `debug` for each request: never the query, a header or a body, where secrets travel.
///
/// Hummingbird's own log middleware has neither status nor duration and prints the query.
struct AccessLog {
    private static let maxPathLength = 256

    private let logger: Logger
    private let start = ContinuousClock.now

    /// Nil when nobody would see the line.
    init?(_ logger: Logger) {
        guard logger.logLevel <= .debug else { return nil }
        self.logger = logger
    }

    func note(_ request: Request, _ response: Response) {
        let duration = ContinuousClock.now - self.start
        self.logger.debug(
            "Request answered",
            metadata: [
                LogKey.method: "\(request.method.rawValue)",
                LogKey.path: "\(request.uri.path.prefix(Self.maxPathLength))",
                LogKey.status: "\(response.status.code)",
                LogKey.microseconds: "\(duration / .microseconds(1))",
            ]
        )
    }
}
