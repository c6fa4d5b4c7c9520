import Hummingbird

/// Says that the caller's token is good.
struct PingController: Sendable {
    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .get("ping") { _, _ in Envelope.message("pong") }
    }
}
