import HTTPTypes
import Hummingbird
import NIOCore

/// What a monitor may ask without a token.
struct HealthController: Sendable {
    let probes: HealthProbes

    var routes: RouteCollection<RelayContext> {
        RouteCollection(context: RelayContext.self)
            // Asks nothing of the database, so that its loss does not get the process restarted.
            .get("health") { _, _ in Envelope.message("ok") }
            .get("ready") { _, context in
                let reasons = await self.probes.notReadyReasons()
                guard reasons.isEmpty else {
                    let failure = Failure(
                        .serviceUnavailable, "not ready: " + reasons.joined(separator: "; "), isWorthRetrying: true
                    )
                    return Envelope.failure(failure, requestID: context.requestID)
                }
                return Envelope.message("ok")
            }
            .get("metrics") { _, _ in
                let text = await self.probes.metrics()
                return Response(
                    status: .ok, headers: [.contentType: Self.metricsType],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: text))
                )
            }
    }

    /// Related Prometheus documentation: <https://prometheus.io/docs/instrumenting/exposition_formats/>
    private static let metricsType = "text/plain; version=0.0.4; charset=utf-8"
}
