import API
import Metrics
import Outbox
import Postgres
import Telemetry

/// What happens is counted where it happens; what is, is asked here when somebody asks for it.
struct Monitoring: Sendable {
    private let registry: MetricsRegistry
    private let pool: PostgresPool
    /// Nil in a process that does not relay.
    private let publisher: RabbitMQEventPublisher?
    private let database: DatabaseSampler
    private let process = ProcessMetrics()
    private let readiness: Readiness

    private let isUp = Meter(label: "postgres.up")
    private let idle = Meter(label: "postgres.pool.connections", dimensions: [("state", "idle")])
    private let used = Meter(label: "postgres.pool.connections", dimensions: [("state", "used")])
    private let opening = Meter(label: "postgres.pool.connections", dimensions: [("state", "opening")])
    private let limit = Meter(label: "postgres.pool.limit")
    private let waiting = Meter(label: "postgres.pool.waiting")
    private let connection: [(state: BrokerState, meter: Meter)]

    /// Makes its metrics, as everything does here, in the factory of the caller.
    init(
        registry: MetricsRegistry, pool: PostgresPool, publisher: RabbitMQEventPublisher?, maxEventAge: Duration?
    ) {
        self.registry = registry
        self.pool = pool
        self.publisher = publisher
        let gauges = CachedReading(lifetime: .seconds(1), limit: .seconds(2), share: 4) {
            try await OutboxGauges.read(from: pool)
        }
        self.database = DatabaseSampler(gauges: gauges, pool: pool)
        self.readiness = Readiness(pool: pool, gauges: gauges, maxEventAge: publisher == nil ? nil : maxEventAge)
        self.connection = BrokerState.allCases.map { state in
            (state, Meter(label: "rabbitmq.connection", dimensions: [("state", state.rawValue)]))
        }
        Meter(label: "build.info", dimensions: [("version", version)]).set(1)
    }

    var probes: HealthProbes {
        var probes = HealthProbes()
        probes.notReadyReasons = self.readiness.reasons
        probes.metrics = {
            await self.update()
            return self.registry.exposition()
        }
        return probes
    }

    private func update() async {
        await self.database.update()
        self.process.update()
        let usage = self.pool.usage
        self.isUp.set(self.pool.isConnected ? 1 : 0)
        self.idle.set(usage.idle)
        self.used.set(usage.used)
        self.opening.set(usage.opening)
        self.limit.set(usage.limit)
        self.waiting.set(usage.waiting)
        guard let state = self.publisher?.condition.state else { return }
        for (candidate, meter) in self.connection { meter.set(candidate == state ? 1 : 0) }
    }
}
