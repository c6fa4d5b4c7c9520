import API
import Hummingbird
import Logging
import Metrics
import Outbox
import Postgres
import RabbitMQ
import S3
import ServiceLifecycle
import Tasks
import Telemetry
import UnixSignals

/// Puts the server together: the only place that knows every target.
enum Wiring {
    /// Services stop in reverse: requests first, then the relay with the batch in flight, the broker, the database.
    ///
    /// Each makes its metrics when it is made, in the registry that is current then.
    static func serviceGroup(_ configuration: ServeConfiguration, logger: Logger) -> ServiceGroup {
        let registry = MetricsRegistry(MetricCatalogue.all)
        return withMetricsFactory(registry) { Self.serviceGroup(configuration, registry: registry, logger: logger) }
    }

    private static func serviceGroup(
        _ configuration: ServeConfiguration,
        registry: MetricsRegistry,
        logger: Logger
    ) -> ServiceGroup {
        let pool = PostgresPool(
            configuration: configuration.database.connection,
            size: configuration.poolSize,
            logger: logger
        )
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: pool)]
        var parts = PartStorage()
        if let store = configuration.objectStore {
            let objects = S3Client(configuration: store, logger: logger)
            parts = PartStorage(objects: objects, pool: pool, logger: logger)
            services.append(.init(service: objects))
            services.append(.init(service: ObjectKeeper(objects: objects, pool: pool, logger: logger)))
        }
        var wake: @Sendable () -> Void = {}
        var publisher: RabbitMQEventPublisher?
        if let broker = configuration.broker {
            var connection = broker.connection
            // A batch is one window, and each lane has one.
            connection.windowMessages = configuration.relay.batchSize * configuration.relay.lanes
            connection.windowBytes = configuration.relay.batchBytes * configuration.relay.lanes
            let broker = RabbitMQEventPublisher(
                configuration: connection,
                exchanges: [SkillLearnTask.exchange, InsertNewMessage.exchange],
                logger: logger
            )
            var database = configuration.database.connection
            // The claim's transaction is open and idle while its batch is on the way to the broker.
            database.idleInTransactionTimeout = RabbitMQEventPublisher.longestPublish(connection)
            let relay = OutboxRelay(
                configuration: configuration.relay,
                database: database,
                publisher: broker,
                logger: logger
            )
            wake = { relay.wake() }
            publisher = broker
            services.append(.init(service: broker))
            // Before the relay: services stop in reverse, and it is to stop first.
            services += Self.relayCompanions(relay, publisher: broker, configuration, pool: pool, logger: logger)
            services.append(.init(service: relay))
        }
        services.append(.init(service: IdempotencyKeyKeeper(keys: IdempotencyKeyStore(pool: pool), logger: logger)))
        services.append(.init(service: Self.databaseSetup(configuration, pool: pool, logger: logger)))
        let monitoring = Monitoring(
            registry: registry, pool: pool, publisher: publisher, maxEventAge: configuration.maxEventAge
        )
        let written = Counter(label: "outbox.events.written")
        let onEvent: @Sendable () -> Void = { [wake] in
            written.increment()
            wake()
        }
        let messages = Self.messages(configuration, pool: pool, parts: parts, onEvent: onEvent, logger: logger)
        if let background = messages.background { services.append(.init(service: background)) }
        let api = APIServices(
            projects: ProjectStore(pool: pool),
            sessions: SessionStore(pool: pool),
            messages: messages.store,
            geminiCalls: GeminiCallStore(pool: pool),
            tasks: TaskStore(pool: pool, onEvent: onEvent),
            flushes: messages.flushes,
            learningSpaces: LearningSpaceStore(pool: pool, onEvent: onEvent),
            skills: SkillStore(pool: pool),
            users: UserStore(pool: pool),
            idempotencyKeys: IdempotencyKeyStore(pool: pool)
        )
        let server = Self.httpServer(configuration, services: api, probes: monitoring.probes, logger: logger)
        services.append(.init(service: server))
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

    /// What runs beside each relay, and looks after the outbox.
    private static func relayCompanions(
        _ relay: OutboxRelay,
        publisher: RabbitMQEventPublisher,
        _ configuration: ServeConfiguration,
        pool: PostgresPool,
        logger: Logger
    ) -> [ServiceGroupConfiguration.ServiceConfiguration] {
        let instance = RelayInstance(version: version)
        let database = configuration.database.connection
        return [
            .init(
                service: RelayReporter(
                    instance: instance, relay: relay, publisher: publisher, pool: pool, logger: logger
                )
            ),
            .init(
                service: ReplayRunner(
                    instance: instance.id, relay: relay, pool: pool, database: database, logger: logger
                )
            ),
            .init(service: PartitionKeeper(pool: pool, logger: logger)),
            .init(service: RetentionKeeper(retention: configuration.retention, database: database, logger: logger)),
        ]
    }

    /// Where messages are stored, and who makes tasks of them: CORE, where there is one; else the extractor, which belongs to where messages
    /// are stored.
    private static func messages(
        _ configuration: ServeConfiguration,
        pool: PostgresPool,
        parts: PartStorage,
        onEvent: @escaping @Sendable () -> Void,
        logger: Logger
    ) -> (store: MessageStore, flushes: SessionFlush, background: BackgroundExtraction?) {
        let queue = ExtractionQueue(pool: pool)
        let coreURL = configuration.extraction.coreURL
        let store = MessageStore(
            pool: pool,
            parts: parts,
            triggers: MessageTriggers(
                writesEvent: configuration.extraction.writesMessageEvents, queuesExtraction: coreURL == nil
            ),
            onEvent: onEvent,
            onStored: queue.wake
        )
        if let coreURL {
            let core = CoreClient(url: coreURL, logger: logger)
            return (store, SessionFlush(pool: pool, extractor: .core(core)), nil)
        }
        let extractor = TaskExtractor(pool: pool, pending: store.pending)
        let background = BackgroundExtraction(queue: queue, extractor: extractor, logger: logger)
        let flushes = SessionFlush(pool: pool, extractor: .builtIn(extractor))
        return (store, flushes, configuration.role.servesAPI ? background : nil)
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
        services: APIServices,
        probes: HealthProbes,
        logger: Logger
    ) -> some Service {
        var api = APIConfiguration(
            host: configuration.host,
            port: configuration.port,
            authentication: configuration.authentication
        )
        api.idempotencyKeyLifetime = configuration.idempotencyKeyLifetime
        api.limits.maxMessageBytes = configuration.maxMessageBytes
        let operations = configuration.operatorToken.map { token in
            let database = OperatorDatabase(configuration: configuration.database.connection, logger: logger)
            return OperatorServices(token: token, database: database, retention: configuration.retention)
        }
        let application = buildApplication(
            configuration: api,
            services: configuration.role.servesAPI ? services : nil,
            operations: configuration.role.servesAPI ? operations : nil,
            probes: probes,
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
