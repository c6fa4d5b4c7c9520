import API
import Hummingbird
import Logging
import Outbox
import Postgres
import RabbitMQ
import ServiceLifecycle
import Tasks

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
            let publisher = Self.publisher(broker, relay: configuration.relay, logger: logger)
            let relay = OutboxRelay(
                configuration: configuration.relay,
                database: configuration.database.connection,
                publisher: publisher,
                logger: logger
            )
            wake = { relay.wake() }
            services.append(.init(service: publisher))
            services.append(.init(service: relay))
            services.append(.init(service: PartitionKeeper(pool: pool, logger: logger)))
        }
        services.append(
            .init(
                service: Self.databaseSetup(configuration, pool: pool, logger: logger),
                successTerminationBehavior: .ignore
            )
        )
        services.append(.init(service: Self.httpServer(configuration, pool: pool, wake: wake, logger: logger)))
        services.append(.init(service: SecondSignal()))
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        // Within 10 seconds in all: most for work under way, the rest for those who have to be told twice.
        group.maximumGracefulShutdownDuration = .seconds(8)
        group.maximumCancellationDuration = .milliseconds(1500)
        return ServiceGroup(configuration: group)
    }

    private static func publisher(
        _ broker: BrokerConfiguration,
        relay: RelayConfiguration,
        logger: Logger
    ) -> RabbitMQEventPublisher {
        var connection = broker.connection
        connection.publishTimeout = relay.publishTimeout
        return RabbitMQEventPublisher(
            configuration: connection,
            exchanges: [SkillLearnTask.exchange],
            logger: logger
        )
    }

    private static func databaseSetup(
        _ configuration: ServeConfiguration,
        pool: PostgresPool,
        logger: Logger
    ) -> DatabaseSetup {
        DatabaseSetup(
            pool: pool,
            defaultProject: configuration.defaultProjectToken.map { token in
                DatabaseSetup.DefaultProject(
                    token: BearerToken(body: token),
                    hasher: SecretHasher(pepper: configuration.authentication.pepper)
                )
            },
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
            tasks: TaskStore(pool: pool),
            learningSpaces: LearningSpaceStore(pool: pool),
            onEvent: wake
        )
        let application = buildApplication(
            configuration: APIConfiguration(
                host: configuration.host,
                port: configuration.port,
                authentication: configuration.authentication
            ),
            services: configuration.role.servesAPI ? services : nil,
            logger: logger,
            onListening: { port in
                // Tests and scripts look for this line to learn the port.
                logger.notice("listening", metadata: ["address": "\(configuration.host):\(port)", "port": "\(port)"])
            }
        )
        return HTTPServer(application: application, host: configuration.host, port: configuration.port)
    }
}
