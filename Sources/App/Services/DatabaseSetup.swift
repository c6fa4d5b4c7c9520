import API
import Logging
import Postgres
import ServiceLifecycle
import Tasks

/// What the server needs of the database once: waits until the schema is there, then makes sure of the default project.
///
/// It runs beside the other services, so that a database that comes late, or is migrated late, delays nothing but itself.
struct DatabaseSetup: Service {
    let pool: PostgresPool
    let defaultProject: DefaultProject?
    let logger: Logger

    /// The project that `ROOT_API_BEARER_TOKEN` opens.
    struct DefaultProject: Sendable {
        let token: BearerToken
        let hasher: SecretHasher
    }

    /// Returns at shutdown only: a service that ends by itself while another one is being stopped makes the group cancel that one.
    func run() async throws {
        await self.setUp()
        try await gracefulShutdown()
    }

    /// Returns when all is set up, or at shutdown.
    private func setUp() async {
        var hasReportedSchema = false
        var reportedError: String?
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            do {
                let missing = try await self.missingMigrations()
                if missing.isEmpty {
                    try await self.ensureDefaultProject()
                    return
                }
                if !hasReportedSchema {
                    hasReportedSchema = true
                    self.logger.error(
                        "the database schema is not up to date: run skillrelay migrate",
                        metadata: [LogKey.missingMigrations: "\(missing.joined(separator: " "))"]
                    )
                }
            } catch let error as PostgresError where error.code == .unavailable || error.code == .connectionLost {
                // The pool reports these, once an attempt.
            } catch {
                if reportedError != "\(error)" {
                    reportedError = "\(error)"
                    self.logger.error("the database could not be set up, still trying", error: error)
                }
            }
            // Ended early by a stop: the condition above sees it.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.retryInterval) }
        }
    }

    private func missingMigrations() async throws -> [String] {
        let expected = Migrations.all.map(\.name)
        do {
            let applied = Set(try await self.pool.query(Self.appliedMigrations) { try $0.decode(String.self) })
            return expected.filter { !applied.contains($0) }
        } catch let error as PostgresError where error.isSchemaMissing {
            return expected
        }
    }

    private static let appliedMigrations = PostgresStatement(
        "app.appliedMigrations",
        "SELECT name FROM skillrelay.schema_migrations"
    )

    private func ensureDefaultProject() async throws {
        guard let project = self.defaultProject else { return }
        let secret = project.token.lookupSecret
        try await ProjectStore(pool: self.pool).ensureDefault(secretKeyHMAC: project.hasher.hmac(secret)) {
            try project.hasher.phc(secret)
        }
        self.logger.info("default project is there")
    }

    private static let retryInterval = Duration.seconds(2)
}
