import Foundation
import Postgres
import RabbitMQ
import Support

/// A whole system under load that a test may break: real processes, real servers behind proxies, a project with tasks, a consumer, and
/// a ledger of it all.
struct Cluster: Sendable {
    /// Small, so that the bound of what may be repeated is tight.
    static let batchSize = 64
    /// Of one instance, at most: each of a relay's two lanes has a batch.
    static let inFlight = 2 * batchSize

    let servers: PrivateServers
    let vhost: TestVhost
    /// Where the service finds the broker and the database.
    let brokerProxy: FaultProxy
    let databaseProxy: FaultProxy
    /// The user that the service is at the broker.
    let brokerUser: String
    let instances: [Instance]
    let receiver: Receiver
    let load: Load
    let ledger: Ledger
    /// The database itself, without the proxy.
    let databaseURL: String
    /// The servers' password, which must not stand in any log.
    let password: String
    /// What is left to chance, the same for the same seed.
    let draws: Draws

    /// Lends one with its service running, no load yet; ends every process afterwards.
    static func with(
        instances count: Int = 1,
        tasks: Int = 4000,
        seed: UInt64 = 1,
        _ body: @escaping @Sendable (Cluster) async throws -> Void
    ) async throws {
        guard let servers = PrivateServersTrait.servers else { throw TestError("a suite without private servers") }
        try await withTestServers { database, vhost in
            try await vhost.declareCore()
            let broker = try TestURL(vhost.url)
            try await withFaultProxy(to: broker.port) { brokerProxy in
                try await withFaultProxy(to: TestURL(database.url).port) { databaseProxy in
                    brokerProxy.open()
                    databaseProxy.open()
                    let brokerUser = try await vhost.makeUser(password: broker.password)
                    let environment = [
                        "DATABASE_URL": try TestURL(database.url).port(databaseProxy.port),
                        "RABBITMQ_URL": broker.user(brokerUser).port(brokerProxy.port),
                        "ROOT_SECRET_PEPPER": Self.pepper,
                        "SKILLRELAY_PORT": "0",
                        "SKILLRELAY_BATCH_SIZE": "\(Self.batchSize)",
                        "SKILLRELAY_PUBLISH_TIMEOUT_MS": "2000",
                    ]
                    let token = try await makeProject(in: database.url, pepper: Self.pepper)
                    let ledger = Ledger()
                    let instances = (0..<count).map { _ in Instance(environment: environment) }
                    let cluster = Cluster(
                        servers: servers,
                        vhost: vhost,
                        brokerProxy: brokerProxy,
                        databaseProxy: databaseProxy,
                        brokerUser: brokerUser,
                        instances: instances,
                        receiver: Receiver(vhost: vhost, ledger: ledger),
                        load: Load(
                            on: try await Self.makeTasks(tasks, in: database),
                            of: instances, token: token, ledger: ledger),
                        ledger: ledger,
                        databaseURL: database.url,
                        password: broker.password,
                        draws: Draws(seed: seed)
                    )
                    try await cluster.run(body)
                }
            }
        }
    }

    private static let pepper = "failure-tests"

    /// Runs the processes around `body`. The first to end ends all: the body, or a process that died without being told to.
    private func run(_ body: @escaping @Sendable (Cluster) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for instance in self.instances {
                group.addTask { try await instance.run() }
            }
            group.addTask {
                for instance in self.instances { try await instance.start() }
                async let load: Void = self.load.run()
                try await body(self)
                try await self.load.stop()
                await load
            }
            group.addTask { await self.receiver.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// A task in a session with a learning space each; written by SQL, because there are many.
    private static func makeTasks(_ count: Int, in database: TestDatabase) async throws -> [ProjectClient.Task] {
        let project = try await database.value("SELECT id FROM public.projects", as: UUID.self)
        let session = try await database.value(
            "INSERT INTO public.sessions (project_id) VALUES ($1) RETURNING id", [.uuid(project)], as: UUID.self
        )
        _ = try await database.values(
            """
            WITH space AS (INSERT INTO public.learning_spaces (project_id) VALUES ($1) RETURNING id)
            INSERT INTO public.learning_space_sessions (learning_space_id, session_id)
            SELECT id, $2 FROM space RETURNING session_id
            """,
            [.uuid(project), .uuid(session)],
            as: UUID.self
        )
        let tasks = try await database.values(
            """
            INSERT INTO public.tasks (session_id, project_id, "order", data)
            SELECT $1, $2, n, '{}' FROM generate_series(1, $3) AS n RETURNING id
            """,
            [.uuid(session), .uuid(project), .int4(Int32(count))],
            as: UUID.self
        )
        return tasks.map {
            ProjectClient.Task(
                id: $0.uuidString.lowercased(), sessionID: session.uuidString.lowercased(),
                projectID: project.uuidString.lowercased(), status: "pending"
            )
        }
    }

    // MARK: What faults need

    /// An instance to do something to.
    func victim() -> Instance { self.instances[self.draws.below(self.instances.count)] }

    /// Runs a statement on the database itself; of its rows the single column.
    func query<Value: PostgresDecodable>(
        _ sql: String,
        _ parameters: [PostgresValue] = [],
        as type: Value.Type = Value.self
    ) async throws -> [Value] {
        try await withTestConnection(to: self.databaseURL) { connection in
            try await connection.perform { session in
                try session.query(PostgresStatement("failure", sql), parameters) { row in try row.decode(Value.self) }
            }
        }
    }
}
