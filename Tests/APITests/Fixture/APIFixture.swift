import Foundation
import Hummingbird
import Logging
import Outbox
import Postgres
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

    /// Rows that requests can add, and the states they can change, as one number.
    func footprint() async throws -> String {
        try await self.database.value(
            """
            SELECT concat_ws(' ', (SELECT count(*) FROM public.sessions), (SELECT count(*) FROM public.users),
                (SELECT count(*) FROM public.tasks), (SELECT count(*) FROM public.learning_spaces),
                (SELECT count(*) FROM public.learning_space_sessions), (SELECT count(*) FROM skillrelay.outbox),
                (SELECT string_agg(status, ',' ORDER BY id) FROM public.tasks))
            """
        )
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
    logger: Logger = .silent,
    _ body: @Sendable (APIFixture) async throws -> Result
) async throws -> Result {
    try await withTestDatabase { database in
        try await withAPI(
            on: database, at: database.url, limits: limits, verifiesArgon2: verifiesArgon2,
            operatorToken: operatorToken, logger: logger, body
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
    logger: Logger = .silent,
    _ body: @Sendable (APIFixture) async throws -> Result
) async throws -> Result {
    let project = try await APIFixture.makeProject(in: database, phc: verifiesArgon2 ? nil : "unused")
    let wakes = CallCounter()
    let server = ServerUnderTest(
        databaseURL: url, limits: limits, verifiesArgon2: verifiesArgon2, operatorToken: operatorToken, logger: logger,
        wakes: wakes
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
        let services = pool.map { pool in
            APIServices(
                projects: ProjectStore(pool: pool), sessions: SessionStore(pool: pool),
                tasks: TaskStore(pool: pool, onEvent: { self.wakes.count() }),
                learningSpaces: LearningSpaceStore(pool: pool)
            )
        }
        let application = buildApplication(
            configuration: configuration, services: services, operations: try self.operations, probes: self.probes,
            logger: self.logger
        ) {
            port.yield($0)
        }
        let group = ServiceGroup(
            services: ([pool] as [(any Service)?]).compactMap { $0 } + [application], logger: self.logger
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
