import Telemetry

/// Every metric that `/metrics` can have; docs/operating.md lists the same for people.
enum MetricCatalogue {
    static let all = http + postgres + broker + outbox + database + process

    /// From a millisecond to the longest that a request may take.
    private static let requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    private static let workSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// From a wake-up to an outage over a weekend.
    private static let deliverySeconds = [
        0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600, 86_400, 259_200,
    ]
    private static let batchEvents = [1.0, 4, 16, 64, 128, 256, 512, 1000]

    private static let http = [
        MetricDescription(
            "http.requests", .counter, labels: ["route", "method", "status"],
            help: "Requests answered, by the route's template and the class of the status."),
        MetricDescription(
            "http.request.duration", .histogram(bounds: Self.requestSeconds), unit: "seconds",
            labels: ["route", "method"], help: "From a request's head to its answer."),
    ]

    private static let postgres = [
        MetricDescription("postgres.up", .gauge, help: "1 while the pool has a connection to PostgreSQL, else 0."),
        MetricDescription(
            "postgres.pool.connections", .gauge, labels: ["state"],
            help: "Connections for requests: idle, used, or opening."),
        MetricDescription("postgres.pool.limit", .gauge, help: "The most connections for requests."),
        MetricDescription("postgres.pool.waiting", .gauge, help: "Callers that wait for a connection."),
        MetricDescription(
            "postgres.pool.wait", .histogram(bounds: Self.workSeconds), unit: "seconds",
            help: "How long callers waited for a connection, of those that found none idle."),
        MetricDescription(
            "postgres.connects", .counter, labels: ["result"], help: "Attempts of the pool to connect, ok or failed."),
    ]

    private static let broker = [
        MetricDescription(
            "rabbitmq.connection", .gauge, labels: ["state"],
            help: "1 for the state of the relay's connection: connected, blocked by an alarm, or away."),
        MetricDescription(
            "rabbitmq.connects", .counter, labels: ["result"], help: "Attempts to connect to RabbitMQ, ok or failed."),
        MetricDescription("rabbitmq.disconnects", .counter, help: "Connections to RabbitMQ that were lost."),
    ]

    private static let outbox = [
        MetricDescription(
            "outbox.events.written", .counter, help: "Events that requests to this process have committed."),
        MetricDescription(
            "outbox.claims", .counter, labels: ["result"],
            help: "Looks for events to send: events were found, none (empty), or the database failed."),
        MetricDescription(
            "outbox.claim.duration", .histogram(bounds: Self.workSeconds), unit: "seconds",
            help: "How long a look for events takes."),
        MetricDescription(
            "outbox.batch", .histogram(bounds: Self.batchEvents), unit: "events", help: "Events in a batch."),
        MetricDescription(
            "outbox.publishes", .counter, labels: ["outcome"],
            help: "Messages handed to RabbitMQ, by what became of each: delivered is confirmed and routed."),
        MetricDescription(
            "outbox.publish.duration", .histogram(bounds: Self.workSeconds), unit: "seconds",
            help: "From a batch's first message to its last confirm."),
        MetricDescription(
            "outbox.delivery.latency", .histogram(bounds: Self.deliverySeconds), unit: "seconds",
            help: "From an event's commit to its confirm, by the database's clock."),
        MetricDescription("outbox.events.parked", .counter, help: "Events parked as dead by this process."),
    ]

    /// Asked of the database at the scrape: the same from every instance.
    private static let database = [
        MetricDescription(
            "outbox.pending", .gauge, unit: "events", labels: ["state"],
            help: "Events still to be sent: due now, delayed until a retry, or held by an operator."),
        MetricDescription("outbox.dead", .gauge, unit: "events", help: "Events parked as dead."),
        MetricDescription(
            "outbox.oldest.pending.age", .gauge, unit: "seconds",
            help: "How long the oldest pending event has waited; 0 without any."),
        MetricDescription(
            "outbox.oldest.due.age", .gauge, unit: "seconds",
            help: "How long the oldest due event has waited; 0 without any."),
        MetricDescription("outbox.relays", .gauge, help: "Relays heard of in the last 30 seconds."),
        MetricDescription("outbox.paused", .gauge, help: "1 while an operator keeps back everything, else 0."),
        MetricDescription(
            "outbox.paused.destinations", .gauge,
            help: "Destinations kept back, by an operator or because they fail."),
        MetricDescription(
            "outbox.pending.dead.tuples", .gauge, help: "Rows of delivered events that vacuum has not removed yet."),
        MetricDescription(
            "postgres.horizon.age", .gauge, unit: "seconds",
            help: "How long the oldest transaction has kept vacuum from removing rows; 0 without any."),
        MetricDescription(
            "postgres.horizon.pid", .gauge,
            help: "The server process of that transaction; 0 for none, a prepared transaction or an unused slot."),
        MetricDescription(
            "postgres.horizon.transactions", .gauge,
            help: "Transactions begun since that one: what vacuum leaves alone."),
        MetricDescription(
            "outbox.sample.success", .gauge, labels: ["reading"],
            help: "1 if the database answered for the gauges of the outbox, else 0."),
        MetricDescription(
            "outbox.sample.duration", .gauge, unit: "seconds", labels: ["reading"],
            help: "How long the database took for these gauges."),
    ]

    private static let process =
        ProcessMetrics.descriptions + [
            MetricDescription("build.info", .gauge, labels: ["version"], help: "1, with the version that runs.")
        ]
}
