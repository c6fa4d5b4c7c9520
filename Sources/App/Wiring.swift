import API
import Hummingbird
import Logging
import Outbox
import Postgres
import RabbitMQ
import ServiceLifecycle
import Tasks
import UnixSignals

/// Puts the server together: the only place that knows every target.
enum Wiring {
    /// Services stop in reverse: requests first, then the relay with the batch in flight, the broker, the database.
    static func serviceGroup(_ configuration: ServeConfiguration, logger: Logger) -> ServiceGroup {
        let pool = PostgresPool(
            configuration: configuration.database.connection,
            size: configuration.poolSize,
            logger: logger
        )
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: pool)]
        var wake: @Sendable () -> Void = {}
        if let broker = configuration.broker {
            var connection = broker.connection
            // A batch is one window, and each lane has one.
            connection.windowMessages = configuration.relay.batchSize * configuration.relay.lanes
            connection.windowBytes = configuration.relay.batchBytes * configuration.relay.lanes
            let publisher = RabbitMQEventPublisher(
                configuration: connection,
                exchanges: [SkillLearnTask.exchange],
                logger: logger
            )
            var database = configuration.database.connection
            // The claim's transaction is open and idle while its batch is on the way to the broker.
            database.idleInTransactionTimeout = RabbitMQEventPublisher.longestPublish(connection)
            let relay = OutboxRelay(
                configuration: configuration.relay,
                database: database,
                publisher: publisher,
                logger: logger
            )
            wake = { relay.wake() }
            services.append(.init(service: publisher))
            services.append(.init(service: relay))
            services.append(.init(service: PartitionKeeper(pool: pool, logger: logger)))
        }
        services.append(.init(service: IdempotencyKeyKeeper(keys: IdempotencyKeyStore(pool: pool), logger: logger)))
        services.append(.init(service: Self.databaseSetup(configuration, pool: pool, logger: logger)))
        services.append(.init(service: Self.httpServer(configuration, pool: pool, wake: wake, logger: logger)))
        services.append(.init(service: StopGuard(logger: logger)))
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        // Most of the 10 seconds for work under way; then it is cancelled, and StopGuard ends what even then goes on.
        group.maximumGracefulShutdownDuration = .seconds(7)
        return ServiceGroup(configuration: group)
    }

    private static func databaseSetup(
        _ configuration: ServeConfiguration,
        pool: PostgresPool,
        logger: Logger
    ) -> DatabaseSetup {
        // Upstream sets the token without its prefix.
        let prefix = configuration.authentication.tokenPrefix
        let token = configuration.defaultProjectToken.flatMap { BearerToken(prefix + $0, prefix: prefix) }
        let hasher = SecretHasher(pepper: configuration.authentication.pepper)
        return DatabaseSetup(
            pool: pool,
            defaultProject: token.map { .init(token: $0, hasher: hasher) },
            logger: logger
        )
    }

    private static func httpServer(
        _ configuration: ServeConfiguration,
        pool: PostgresPool,
        wake: @escaping @Sendable () -> Void,
        logger: Logger
    ) -> some Service {
        let services = APIServices(
            projects: ProjectStore(pool: pool),
            sessions: SessionStore(pool: pool),
            tasks: TaskStore(pool: pool, onEvent: wake),
            learningSpaces: LearningSpaceStore(pool: pool)
        )
        var api = APIConfiguration(
            host: configuration.host,
            port: configuration.port,
            authentication: configuration.authentication
        )
        api.idempotencyKeyLifetime = configuration.idempotencyKeyLifetime
        let application = buildApplication(
            configuration: api,
            services: configuration.role.servesAPI ? services : nil,
            logger: logger,
            onListening: { port in
                // Tests and scripts look for this line to learn the port.
                logger.notice(
                    "listening",
                    metadata: [LogKey.address: "\(configuration.host):\(port)", LogKey.port: "\(port)"]
                )
            }
        )
        return HTTPServer(application: application, host: configuration.host, port: configuration.port)
    }
}
