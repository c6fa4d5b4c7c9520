import HTTPTypes
import Hummingbird
import Metrics

/// The counters and timers of every route, made once: what a request costs here is a look into a table that never changes, and four atomic
/// additions.
struct HTTPMetrics: Sendable {
    private struct Meters {
        let duration: Metrics.Timer
        /// By the first digit of the status, from 2 on.
        let answers: [Counter]

        init(route: String, method: String) {
            let dimensions = [("route", route), ("method", method)]
            self.duration = Timer(label: "http.request.duration", dimensions: dimensions)
            self.answers = (2...5).map {
                Counter(label: "http.requests", dimensions: dimensions + [("status", "\($0)xx")])
            }
        }
    }

    private let routes: [String: [(method: HTTPRequest.Method, meters: Meters)]]
    /// Paths that no route has, and methods that a path does not have: they come from outside, and tell nothing one by one.
    private let other = Meters(route: "other", method: "other")

    /// Labels come from the routes' templates, never from a request.
    init(_ routes: [(path: String, method: HTTPRequest.Method)]) {
        self.routes = Dictionary(grouping: routes, by: \.path).mapValues { routes in
            routes.map { ($0.method, Meters(route: $0.path, method: $0.method.rawValue)) }
        }
    }

    func answered(_ method: HTTPRequest.Method, path: String?, status: HTTPResponse.Status, in duration: Duration) {
        // The router answers HEAD as it does GET.
        let method = method == .head ? .get : method
        let meters = path.flatMap { self.routes[$0] }?.first { $0.method == method }?.meters ?? self.other
        meters.duration.record(duration: duration)
        meters.answers[min(max(status.code / 100, 2), 5) - 2].increment()
    }
}

/// Measures each answer from the request's head on.
struct MeasuringResponder<Base: HTTPResponder>: HTTPResponder where Base.Context == RelayContext {
    let base: Base
    let metrics: HTTPMetrics

    func respond(to request: Request, context: RelayContext) async throws -> Response {
        let begin = ContinuousClock.now
        let response = try await self.base.respond(to: request, context: context)
        self.metrics.answered(
            request.method, path: context.endpointPath, status: response.status, in: ContinuousClock.now - begin
        )
        return response
    }
}
