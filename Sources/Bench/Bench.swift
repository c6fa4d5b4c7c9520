import Foundation
import Logging
import Postgres
import RabbitMQ

/// What a row measures with: a migrated database of its own, a broker, the binary, one project and its tasks.
struct Bench: Sendable {
    static let queue = "skillrelay.bench"
    static let exchange = "learning.skill"
    static let routingKey = "learning.skill.distill"
    private static let name = "skillrelay_bench"

    let runs: Int
    let isSmall: Bool
    let binary: String
    let databaseURL: String
    let database: PostgresConnection
    let broker: RabbitMQConnection

    /// A tenth in a small run.
    func scaled(_ count: Int) -> Int { self.isSmall ? max(1, count / 10) : count }
    func scaled(_ duration: Duration) -> Duration { self.isSmall ? max(.seconds(1), duration / 10) : duration }

    static func with<R>(
        binary: String,
        runs: Int,
        isSmall: Bool,
        _ body: (Bench) async throws -> R
    ) async throws -> R {
        let environment = ProcessInfo.processInfo.environment
        guard let base = environment["DATABASE_URL"], let brokerURL = environment["RABBITMQ_URL"],
            let slash = base.lastIndex(of: "/")
        else { throw BenchError("DATABASE_URL and RABBITMQ_URL are needed (scripts/bench sets them)") }
        let url = base[...slash] + Self.name
        let administrator = try await Self.connect(base)
        try await Self.drop(administrator)
        try await administrator.run("CREATE DATABASE \(Self.name)")
        let broker = try await RabbitMQConnection.connect(RabbitMQConfiguration(urls: brokerURL), logger: Self.logger)
        try Program.run(binary, ["migrate"], ["DATABASE_URL": String(url)])
        let bench = Bench(
            runs: runs, isSmall: isSmall, binary: binary, databaseURL: String(url),
            database: try await Self.connect(String(url)), broker: broker
        )
        let result = try await body(bench)
        await bench.database.close()
        try? await broker.deleteQueue(Self.queue)  // not every row has one
        await broker.close()
        try await Self.drop(administrator)
        await administrator.close()
        return result
    }

    private static func drop(_ administrator: PostgresConnection) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await administrator.run("DROP DATABASE IF EXISTS \(Self.name) WITH (FORCE)")
            } catch let error as PostgresError where ContinuousClock.now < deadline {
                // Autovacuum may be at work in it, which only a superuser may end.
                guard error.sqlState == SQLState(rawValue: "42501") else { throw error }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    static func connect(_ url: String) async throws -> PostgresConnection {
        var configuration = try PostgresConfiguration(connectionString: url)
        configuration.applicationName = "bench"
        configuration.statementTimeout = .seconds(3600)
        // Autovacuum gives way after a second.
        configuration.lockTimeout = .seconds(60)
        configuration.idleInTransactionTimeout = .seconds(3600)
        return try await PostgresConnection.connect(configuration, logger: Self.logger)
    }

    static var logger: Logger { Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() } }

    // MARK: Queue

    /// A bound durable queue with nothing in it.
    func emptyQueue() async throws {
        try await self.broker.declareExchange(Self.exchange, type: "direct", durable: true)
        try? await self.broker.deleteQueue(Self.queue)  // the first time there is none
        try await self.broker.declareQueue(Self.queue, durable: true)
        try await self.broker.bindQueue(Self.queue, exchange: Self.exchange, routingKey: Self.routingKey)
    }

    // MARK: Tasks

    /// Tasks of sessions that learn, in a project with this token; their ids are md5 of `t` and a number.
    static let tasks = 20_000
    static let sessions = 64

    func makeTasks() async throws -> (project: String, requests: [[UInt8]]) {
        let output = try Program.run(
            self.binary, ["project", "create", "--json"],
            ["DATABASE_URL": self.databaseURL, "ROOT_SECRET_PEPPER": ServeProcess.pepper])
        guard let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: String],
            let project = object["project_id"], let token = object["token"]
        else { throw BenchError("project create printed \(output)") }
        try await self.database.run(
            """
            INSERT INTO public.sessions (id, project_id)
            SELECT md5('s' || n)::uuid, '\(project)' FROM generate_series(0, \(Self.sessions - 1)) AS n
            """,
            "INSERT INTO public.learning_spaces (project_id) VALUES ('\(project)')",
            """
            INSERT INTO public.learning_space_sessions (learning_space_id, session_id)
            SELECT l.id, s.id FROM public.learning_spaces AS l, public.sessions AS s
            """,
            """
            INSERT INTO public.tasks (id, session_id, project_id, "order", data)
            SELECT md5('t' || n)::uuid, md5('s' || n % \(Self.sessions))::uuid, '\(project)', n, '{"task_description": "work"}'
            FROM generate_series(0, \(Self.tasks - 1)) AS n
            """
        )
        let paths: [String] = try await self.database.column(
            """
            SELECT '/api/v1/session/' || session_id || '/task/' || id || '/status' FROM public.tasks ORDER BY "order"
            """)
        let body = #"{"status":"success"}"#
        let requests = paths.map { path in
            Array(
                """
                PATCH \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\
                Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
                """.utf8)
        }
        return (project, requests)
    }

    /// As after a start: no event, no dead row.
    func clean() async throws {
        try await self.database.run(
            "TRUNCATE skillrelay.outbox, skillrelay.outbox_pending, skillrelay.outbox_deliveries", "VACUUM public.tasks"
        )
    }

    // MARK: Events

    /// Writes events of today, as the API would, `pending` or delivered long ago.
    func insertEvents(_ count: Int, pending: Bool = true) async throws {
        try await self.database.run(
            """
            WITH event AS (
                INSERT INTO skillrelay.outbox (id, exchange, routing_key, type, payload)
                SELECT skillrelay.uuid7(), '\(Self.exchange)', '\(Self.routingKey)', 'SkillLearnTask',
                    convert_to('{"project_id":"' || gen_random_uuid() || '","session_id":"' || gen_random_uuid()
                        || '","task_id":"' || gen_random_uuid() || '"}', 'UTF8')
                FROM generate_series(1, \(count))
                RETURNING id
            )
            \(pending
                ? """
                INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key)
                SELECT id, '\(Self.exchange)', '\(Self.routingKey)' FROM event
                """
                : """
                INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids)
                SELECT ids[1], ids[cardinality(ids)], ids FROM (
                    SELECT array_agg(id ORDER BY id) AS ids
                    FROM (SELECT id, row_number() OVER () / 256 AS batch FROM event) AS e GROUP BY batch
                ) AS b
                """)
            """
        )
    }

    func pendingCount() async throws -> Int64 {
        try await self.database.column("SELECT count(*) FROM skillrelay.outbox_pending")[0]
    }
}

extension PostgresConnection {
    /// Each by itself, so that VACUUM and CREATE DATABASE may be among them.
    func run(_ statements: String...) async throws {
        for statement in statements { try await self.perform { try $0.script(statement) } }
    }

    /// The only column of each row.
    func column<Value: PostgresDecodable & Sendable>(_ sql: String) async throws -> [Value] {
        try await self.perform { session in
            try session.query(PostgresStatement("bench.\(sql.hashValue)", sql)) { row in try row.decode(Value.self) }
        }
    }
}
