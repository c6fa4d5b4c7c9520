import Hummingbird

/// Says that the process serves HTTP; asks nothing of the database, so that its loss does not get the process
/// restarted.
struct HealthController: Sendable {
    var routes: RouteCollection<RelayContext> {
        RouteCollection(context: RelayContext.self)
            .get("health") { _, _ in Envelope.message("ok") }
    }
}
