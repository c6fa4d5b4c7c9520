package import Hummingbird
package import Logging
import NIOCore

/// All routes: `/health`, and `/api/v1` behind a bearer token.
package func buildRouter(configuration: APIConfiguration, services: APIServices) -> Router<RelayContext> {
    let router = buildHealthRouter(configuration.limits)
    let bodies = BodyReader(maxBytes: configuration.limits.maxBodyBytes)
    let writes = WriteResponder(keyLifetime: configuration.idempotencyKeyLifetime)
    let authenticator = Authenticator(configuration: configuration.authentication, projects: services.projects)
    router.group("api/v1")
        .add(middleware: AuthMiddleware(authenticator: authenticator))
        .group(context: ProjectContext.self)
        .addRoutes(PingController().routes)
        .addRoutes(SessionController(sessions: services.sessions, bodies: bodies, writes: writes).routes)
        .addRoutes(TaskController(tasks: services.tasks, bodies: bodies, writes: writes).routes)
        .addRoutes(LearningSpaceController(spaces: services.learningSpaces, bodies: bodies, writes: writes).routes)
    router.refuseOtherMethods()
    return router
}

/// The HTTP server, as a service for the caller's own group.
///
/// Without `services` it serves `/health` only. `onListening` is called with the port once connections are taken.
package func buildApplication(
    configuration: APIConfiguration,
    services: APIServices?,
    logger: Logger,
    onListening: @escaping @Sendable (_ port: Int) async -> Void
) -> some ApplicationProtocol {
    let router: Router<RelayContext>
    if let services {
        router = buildRouter(configuration: configuration, services: services)
    } else {
        router = buildHealthRouter(configuration.limits)
        router.refuseOtherMethods()
    }
    let limits = configuration.limits
    return Application(
        responder: DeadlineResponder(base: router.buildResponder(), deadline: limits.requestDeadline),
        server: .http1(configuration: .init(limits)),
        configuration: ApplicationConfiguration(
            address: .hostname(configuration.host, port: configuration.port),
            backlog: limits.backlog,
            availableConnectionsDelegate: .maximum(limits.maxConnections, logger: logger)
        ),
        onServerRunning: { channel in
            // First, because NIO's own handler keeps the error to itself.
            try? await channel.pipeline.addHandler(AcceptPause(), position: .first)  // fails when the channel is closed
            await onListening(channel.localAddress?.port ?? configuration.port)
        },
        logger: logger
    )
}

/// The router with what every request passes.
private func buildHealthRouter(_ limits: APILimits) -> Router<RelayContext> {
    let router = Router(context: RelayContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: RequestMiddleware(maxBodyBytes: limits.maxBodyBytes))
    router.addRoutes(HealthController().routes)
    return router
}
