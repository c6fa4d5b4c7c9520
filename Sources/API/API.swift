package import Hummingbird
package import Logging
import NIOCore

/// All routes: those for monitors; with `services`, `/api/v1` behind a bearer token; with `operations`, `/admin/v1` behind the
/// operator's, and the page `/admin`.
package func buildRouter(
    configuration: APIConfiguration,
    services: APIServices?,
    operations: OperatorServices? = nil,
    probes: HealthProbes = HealthProbes()
) -> Router<RelayContext> {
    let router = buildHealthRouter(configuration.limits, probes)
    let bodies = BodyReader(maxBytes: configuration.limits.maxBodyBytes)
    if let operations {
        router.group("admin/v1")
            .add(middleware: OperatorAuthMiddleware(token: operations.token))
            .addRoutes(OperatorController(services: operations, bodies: bodies).routes)
        router.group("admin").addRoutes(OperatorPageController().routes)
    }
    guard let services else { return router }
    router.addRoutes(OpenAPIController().routes)
    let writes = WriteResponder(keyLifetime: configuration.idempotencyKeyLifetime, keys: services.idempotencyKeys)
    let authenticator = Authenticator(configuration: configuration.authentication, projects: services.projects)
    router.group("api/v1")
        .add(middleware: AuthMiddleware(authenticator: authenticator))
        .group(context: ProjectContext.self)
        .addRoutes(PingController().routes)
        .addRoutes(SessionController(sessions: services.sessions, bodies: bodies, writes: writes).routes)
        .addRoutes(TaskController(tasks: services.tasks, bodies: bodies, writes: writes).routes)
        .addRoutes(
            MessageController(
                messages: services.messages, geminiCalls: services.geminiCalls, bodies: bodies,
                largeBodies: LargeBodyReader(configuration.limits), writes: writes
            ).routes
        )
        .addRoutes(FlushController(flushes: services.flushes).routes)
        .addRoutes(LearningSpaceController(spaces: services.learningSpaces, bodies: bodies, writes: writes).routes)
        .addRoutes(SkillController(skills: services.skills, bodies: bodies, writes: writes).routes)
        .addRoutes(UserController(users: services.users, writes: writes).routes)
    return router
}

/// The HTTP server, as a service for the caller's own group.
///
/// Without `services` it serves monitors only. `onListening` is called with the port once connections are taken.
package func buildApplication(
    configuration: APIConfiguration,
    services: APIServices?,
    operations: OperatorServices? = nil,
    probes: HealthProbes = HealthProbes(),
    logger: Logger,
    onListening: @escaping @Sendable (_ port: Int) async -> Void
) -> some ApplicationProtocol {
    let router = buildRouter(
        configuration: configuration, services: services, operations: operations, probes: probes
    )
    let metrics = HTTPMetrics(router.routes.map { ($0.path.description, $0.method) })
    router.refuseOtherMethods()
    let limits = configuration.limits
    return Application(
        responder: MeasuringResponder(
            base: DeadlineResponder(base: router.buildResponder(), limits: limits), metrics: metrics
        ),
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
private func buildHealthRouter(_ limits: APILimits, _ probes: HealthProbes) -> Router<RelayContext> {
    let router = Router(context: RelayContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: RequestMiddleware(limits: limits))
    router.addRoutes(HealthController(probes: probes).routes)
    return router
}
