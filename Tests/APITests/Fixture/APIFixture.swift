import Foundation
import Hummingbird
import Logging
import Outbox
import Postgres
import S3
import ServiceLifecycle
import Support
import Synchronization
import Tasks
import Testing

@testable import API

/// The real server on a real database, with one project.
struct APIFixture: Sendable {
    static let pepper = "test-pepper-4711"
    static let operatorToken = "operator-token-0815-4711"

    let database: TestDatabase
    let port: Int
    let project: UUID
    let token: String
    let wakes: CallCounter

    /// A client with the project's token.
    var client: HTTPProbe { self.client(token: self.token) }

    /// A client with the operator's token.
    var `operator`: HTTPProbe { self.client(token: Self.operatorToken) }

    func client(token: String) -> HTTPProbe {
        HTTPProbe(port: self.port, headers: ["authorization": "Bearer \(token)"])
    }

    /// Another project and its token.
    func makeProject(phc: String? = nil) async throws -> (id: UUID, token: String) {
        try await Self.makeProject(in: self.database, phc: phc)
    }

    fileprivate static func makeProject(
        in database: TestDatabase,
        phc: String? = nil
    ) async throws -> (id: UUID, token: String) {
        let token = BearerToken.generate(prefix: "sk-ac-")
        let hasher = SecretHasher(pepper: Self.pepper)
        let secret = String(token.dropFirst(6))
        let id: UUID = try await database.value(
            "INSERT INTO public.projects (secret_key_hmac, secret_key_hash_phc) VALUES ($1, $2) RETURNING id",
            [.text(hasher.hmac(secret)), .text(try phc ?? hasher.phc(secret))]
        )
        return (id, token)
    }

    func makeSession(project: UUID? = nil) async throws -> UUID {
        try await self.database.value(
            "INSERT INTO public.sessions (project_id) VALUES ($1) RETURNING id", [.uuid(project ?? self.project)]
        )
    }

    func makeTask(in session: UUID, project: UUID? = nil, order: Int64 = 1) async throws -> UUID {
        try await self.database.value(
            """
            INSERT INTO public.tasks (session_id, project_id, "order", data)
            VALUES ($1, $2, $3, '{"task_description": "do it", "progresses": [], "hidden": 1}') RETURNING id
            """,
            [.uuid(session), .uuid(project ?? self.project), .int8(order)]
        )
    }

    func makeSpace(project: UUID? = nil) async throws -> UUID {
        try await self.database.value(
            "INSERT INTO public.learning_spaces (project_id) VALUES ($1) RETURNING id", [.uuid(project ?? self.project)]
        )
    }

    func makeUser(_ identifier: String, project: UUID? = nil) async throws -> UUID {
        try await self.database.value(
            "INSERT INTO public.users (project_id, identifier) VALUES ($1, $2) RETURNING id",
            [.uuid(project ?? self.project), .text(identifier)]
        )
    }

    /// A skill with an empty disk.
    func makeSkill(_ name: String = "skill", project: UUID? = nil) async throws -> UUID {
        try await self.database.value(
            """
            WITH disk AS (INSERT INTO public.disks (project_id) VALUES ($1) RETURNING id)
            INSERT INTO public.agent_skills (project_id, name, disk_id) SELECT $1, $2, id FROM disk RETURNING id
            """,
            [.uuid(project ?? self.project), .text(name)]
        )
    }

    func include(skill: UUID, space: UUID) async throws {
        let _: UUID = try await self.database.value(
            "INSERT INTO public.learning_space_skills (learning_space_id, skill_id) VALUES ($1, $2) RETURNING id",
            [.uuid(space), .uuid(skill)]
        )
    }

    func learn(space: UUID, session: UUID) async throws {
        let _: UUID = try await self.database.value(
            """
            INSERT INTO public.learning_space_sessions (learning_space_id, session_id, status)
            VALUES ($1, $2, 'pending') RETURNING id
            """,
            [.uuid(space), .uuid(session)]
        )
    }

    /// The path of a task's status, in a session that is learned from.
    func makeLearningTask() async throws -> String {
        let session = try await self.makeSession()
        try await self.learn(space: try await self.makeSpace(), session: session)
        let task = try await self.makeTask(in: session)
        return "/api/v1/session/\(session.lowercased)/task/\(task.lowercased)/status"
    }

    /// Events that are committed.
    func eventCount() async throws -> Int {
        try await self.database.value("SELECT count(*) FROM skillrelay.outbox")
    }

    /// The rows that requests can add, change or remove, as one text: how many, and the transactions that wrote them.
    func footprint() async throws -> String {
        let tables = [
            "public.sessions", "public.users", "public.tasks", "public.learning_spaces",
            "public.learning_space_sessions", "public.agent_skills", "public.messages",
            "skillrelay.message_parts", "public.learning_space_skills",
            "skillrelay.outbox",
        ].map { "(SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM \($0))" }
        return try await self.database.value("SELECT concat_ws(' ', \(tables.joined(separator: ", ")))")
    }
}

/// Counts calls.
final class CallCounter: Sendable {
    private let calls = Mutex(0)

    var value: Int { self.calls.withLock { $0 } }

    func count() {
        self.calls.withLock { $0 += 1 }
    }
}

/// Lends a server with a database of its own.
///
/// Argon2 is off unless a test is about it: 30 ms of a core for each test's first request.
func withAPI<Result: Sendable>(
    limits: APILimits = APILimits(),
    verifiesArgon2: Bool = false,
    operatorToken: String? = nil,
    core: String? = nil,
    objects: TestObjectStore? = nil,
    logger: Logger = .silent,
    _ body: @Sendable (APIFixture) async throws -> Result
) async throws -> Result {
    try await withTestDatabase { database in
        try await withAPI(
            on: database, at: database.url, limits: limits, verifiesArgon2: verifiesArgon2,
            operatorToken: operatorToken, core: core, objects: objects, logger: logger, body
        )
    }
}

/// Lends a server whose way to its database can be broken; whole at first.
func withProxiedAPI<Result: Sendable>(
    limits: APILimits = APILimits(),
    _ body: @Sendable (APIFixture, FaultProxy) async throws -> Result
) async throws -> Result {
    try await withTestDatabase { database in
        let url = try TestURL(database.url)
        return try await withFaultProxy(to: url.port) { proxy in
            proxy.open()
            return try await withAPI(on: database, at: url.port(proxy.port), limits: limits) { api in
                try await body(api, proxy)
            }
        }
    }
}

/// Lends a server that reaches its database at `url`.
func withAPI<Result: Sendable>(
    on database: TestDatabase,
    at url: String,
    limits: APILimits = APILimits(),
    verifiesArgon2: Bool = false,
    operatorToken: String? = nil,
    core: String? = nil,
    objects: TestObjectStore? = nil,
    logger: Logger = .silent,
    _ body: @Sendable (APIFixture) async throws -> Result
) async throws -> Result {
    let project = try await APIFixture.makeProject(in: database, phc: verifiesArgon2 ? nil : "unused")
    let wakes = CallCounter()
    let server = ServerUnderTest(
        databaseURL: url, limits: limits, verifiesArgon2: verifiesArgon2, operatorToken: operatorToken, core: core,
        objects: objects, logger: logger, wakes: wakes
    )
    return try await server.run { port in
        try await body(
            APIFixture(database: database, port: port, project: project.id, token: project.token, wakes: wakes)
        )
    }
}

/// The server with the pool it needs, in a service group of its own.
struct ServerUnderTest: Sendable {
    /// Nil serves health only.
    var databaseURL: String?
    var limits = APILimits()
    var verifiesArgon2 = false
    /// Nil: the operator's endpoints are off.
    var operatorToken: String?
    /// Where CORE is; nil: the built-in extractor.
    var core: String?
    /// Nil: the parts of messages are in the database.
    var objects: TestObjectStore?
    var logger = Logger.silent
    var wakes = CallCounter()
    var acquireTimeout: Duration = .seconds(5)
    var probes = HealthProbes()

    private var operations: OperatorServices? {
        get throws {
            guard let operatorToken, let databaseURL else { return nil }
            let database = OperatorDatabase(
                configuration: try PostgresConfiguration(connectionString: databaseURL), logger: self.logger
            )
            return OperatorServices(
                token: OperatorToken(operatorToken), database: database, retention: Retention(days: 30)
            )
        }
    }

    private func flushes(_ pool: PostgresPool) -> SessionFlush {
        let core = self.core.flatMap { URL(string: $0) }.map { CoreClient(url: $0, logger: self.logger) }
        let extractor = TaskExtractor(pool: pool, pending: MessageStore(pool: pool).pending)
        return SessionFlush(pool: pool, extractor: core.map { .core($0) } ?? .builtIn(extractor))
    }

    func run<Result: Sendable>(_ body: @Sendable (_ port: Int) async throws -> Result) async throws -> Result {
        var authentication = AuthenticationConfiguration(pepper: APIFixture.pepper)
        authentication.verifiesArgon2 = self.verifiesArgon2
        var configuration = APIConfiguration(host: "127.0.0.1", port: 0, authentication: authentication)
        configuration.limits = self.limits
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let pool = try self.databaseURL.map { url in
            PostgresPool(
                configuration: try PostgresConfiguration(connectionString: url), size: 4,
                acquireTimeout: self.acquireTimeout, logger: self.logger
            )
        }
        let client = try self.objects.map { store in
            let endpoint = try #require(S3Endpoint(store.url))
            let configuration = S3Configuration(
                endpoint: endpoint, bucket: store.bucket, accessKey: store.accessKey, secretKey: store.secretKey
            )
            return S3Client(configuration: configuration, logger: self.logger)
        }
        let services = pool.map { pool in
            let parts = client.map { PartStorage(objects: $0, pool: pool, logger: self.logger) } ?? PartStorage()
            return APIServices(
                projects: ProjectStore(pool: pool), sessions: SessionStore(pool: pool),
                messages: MessageStore(pool: pool, parts: parts, onEvent: { self.wakes.count() }),
                geminiCalls: GeminiCallStore(pool: pool),
                tasks: TaskStore(pool: pool, onEvent: { self.wakes.count() }),
                flushes: self.flushes(pool),
                learningSpaces: LearningSpaceStore(pool: pool, onEvent: { self.wakes.count() }),
                skills: SkillStore(pool: pool),
                users: UserStore(pool: pool),
                idempotencyKeys: IdempotencyKeyStore(pool: pool)
            )
        }
        let application = buildApplication(
            configuration: configuration, services: services, operations: try self.operations, probes: self.probes,
            logger: self.logger
        ) {
            port.yield($0)
        }
        let group = ServiceGroup(
            services: ([pool, client] as [(any Service)?]).compactMap { $0 } + [application], logger: self.logger
        )
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { port.finish() }
                try await group.run()
            }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next(), "the server does not start")
            do {
                let result = try await body(port)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                return result
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
        }
    }
}

extension Logger {
    static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
}
