import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Support
import Synchronization

@testable import Tasks

/// A migrated database, a pool on it that runs, and one project.
struct Fixture: Sendable {
    let database: TestDatabase
    let pool: PostgresPool
    let project: UUID

    var projects: ProjectStore { ProjectStore(pool: self.pool) }
    var sessions: SessionStore { SessionStore(pool: self.pool) }
    var tasks: TaskStore { TaskStore(pool: self.pool) }
    var spaces: LearningSpaceStore { LearningSpaceStore(pool: self.pool) }
    var skills: SkillStore { SkillStore(pool: self.pool) }
    var users: UserStore { UserStore(pool: self.pool) }

    func messages(_ triggers: MessageTriggers = MessageTriggers()) -> MessageStore {
        MessageStore(pool: self.pool, triggers: triggers)
    }

    func message(_ text: String, in session: UUID) -> NewMessage {
        NewMessage(
            sessionID: session, projectID: self.project, role: "user", parts: [MessagePart(type: "text", text: text)]
        )
    }

    func session(
        learning: Bool = false, project: UUID? = nil, user: String? = nil, configs: String? = nil
    ) async throws -> UUID {
        let project = project ?? self.project
        var new = NewSession(projectID: project)
        new.user = user
        new.configs = configs
        let session = try await self.sessions.create(new).perform().session.id
        if learning {
            let space = try await self.space(project: project)
            _ = try await self.spaces.learn(space: space, session: session, project: project).perform()
        }
        return session
    }

    func space(project: UUID? = nil) async throws -> UUID {
        try await self.spaces.create(project: project ?? self.project, user: nil, meta: nil).perform().id
    }

    /// A skill with an empty disk.
    func skill(name: String) async throws -> UUID {
        try await self.database.value(
            """
            WITH disk AS (INSERT INTO public.disks (project_id) VALUES ($1) RETURNING id)
            INSERT INTO public.agent_skills (project_id, name, disk_id) SELECT $1, $2, id FROM disk RETURNING id
            """,
            [.uuid(self.project), .text(name)]
        )
    }

    func task(in session: UUID, project: UUID? = nil) async throws -> UUID {
        try await self.tasks.append(NewTask(description: "work"), session: session, project: project ?? self.project)
            .perform()
            .task.id
    }

    /// The pending messages of a session, as the extractor reads them.
    func pending(_ session: UUID, _ limit: Int) async throws -> [Message] {
        try await self.messages().pending(session: session, limit: limit)
    }

    /// An instance's own.
    var extractor: TaskExtractor { TaskExtractor(pool: self.pool, pending: self.pending) }

    /// Runs an instance's extraction in the background meanwhile.
    func withBackground(
        reading pending: (@Sendable (UUID, Int) async throws -> [Message])? = nil,
        _ body: (ExtractionQueue) async throws -> Void
    ) async throws {
        let queue = ExtractionQueue(pool: self.pool)
        let extractor = TaskExtractor(pool: self.pool, pending: pending ?? self.pending)
        let logger = Logger(label: "test")
        let service = BackgroundExtraction(queue: queue, extractor: extractor, logger: logger)
        try await running([service], logger: logger) { try await body(queue) }
    }

    func anotherProject() async throws -> UUID {
        try await self.projects.create(secretKeyHMAC: "other-\(UUID())", secretKeyHashPHC: "phc")
    }

    /// Events as committed, oldest first: payload texts.
    func events() async throws -> [String] {
        try await self.database.values(
            "SELECT convert_from(payload, 'UTF8') FROM skillrelay.outbox JOIN skillrelay.outbox_pending USING (id) ORDER BY seq"
        )
    }
}

func withFixture(_ body: @escaping @Sendable (Fixture) async throws -> Void) async throws {
    try await withTestDatabase { database in try await withFixture(on: database, body) }
}

/// Lends a fixture on a database that is there.
func withFixture(
    on database: TestDatabase, _ body: @escaping @Sendable (Fixture) async throws -> Void
) async throws {
    try await withFixture(on: database, at: database.url, poolSize: 4, body)
}

/// Lends a fixture whose pool's way to the database can be broken; whole at first.
func withProxiedFixture(
    poolSize: Int,
    _ body: @escaping @Sendable (Fixture, FaultProxy) async throws -> Void
) async throws {
    try await withTestDatabase { database in
        let url = try TestURL(database.url)
        try await withFaultProxy(to: url.port) { proxy in
            proxy.open()
            try await withFixture(on: database, at: url.port(proxy.port), poolSize: poolSize) { fixture in
                try await body(fixture, proxy)
            }
        }
    }
}

private func withFixture(
    on database: TestDatabase,
    at url: String,
    poolSize: Int,
    _ body: @escaping @Sendable (Fixture) async throws -> Void
) async throws {
    var configuration = try PostgresConfiguration(connectionString: url)
    // Many tests share the machine: a lock may take its time.
    configuration.statementTimeout = .seconds(20)
    configuration.lockTimeout = .seconds(20)
    let pool = PostgresPool(
        configuration: configuration, size: poolSize, acquireTimeout: .seconds(20), logger: Logger(label: "test")
    )
    try await running([pool], logger: Logger(label: "test")) {
        let project = try await ProjectStore(pool: pool).create(secretKeyHMAC: "mine", secretKeyHashPHC: "phc")
        try await body(Fixture(database: database, pool: pool, project: project))
    }
}

private func running(_ services: [any Service], logger: Logger, _ body: () async throws -> Void) async throws {
    let group = ServiceGroup(services: services, logger: logger)
    async let end: Void = group.run()
    do {
        try await body()
    } catch {
        await group.triggerGracefulShutdown()
        try? await end  // the body's error says more
        throw error
    }
    await group.triggerGracefulShutdown()
    try await end
}

/// What a closure was called with, in order.
final class Calls<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    func add(_ value: Value) { self.values.withLock { $0.append(value) } }

    var all: [Value] { self.values.withLock { $0 } }
}
