import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Support

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

    func session(learning: Bool = false, project: UUID? = nil) async throws -> UUID {
        let project = project ?? self.project
        let session = try await self.sessions.create(NewSession(projectID: project)).perform().id
        if learning {
            let space = try await self.spaces.create(project: project, user: nil, meta: nil).perform().id
            _ = try await self.spaces.learn(space: space, session: session, project: project).perform()
        }
        return session
    }

    func task(in session: UUID, project: UUID? = nil) async throws -> UUID {
        try await self.tasks.append(NewTask(description: "work"), session: session, project: project ?? self.project)
            .perform()
            .task.id
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
    try await withTestDatabase { database in
        try await withFixture(on: database, at: database.url, poolSize: 4, body)
    }
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
    let group = ServiceGroup(services: [pool], logger: Logger(label: "test"))
    async let end: Void = group.run()
    do {
        let project = try await ProjectStore(pool: pool).create(secretKeyHMAC: "mine", secretKeyHashPHC: "phc")
        try await body(Fixture(database: database, pool: pool, project: project))
    } catch {
        await group.triggerGracefulShutdown()
        try? await end  // the body's error says more
        throw error
    }
    await group.triggerGracefulShutdown()
    try await end
}
