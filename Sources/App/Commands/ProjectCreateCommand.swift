import API
import ArgumentParser
import Foundation
import Logging
import Postgres
import Tasks

struct ProjectCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a project and print its bearer token, once.",
        discussion: """
            Only hashes of the token are stored: it cannot be shown again. Needs DATABASE_URL and ROOT_SECRET_PEPPER, the same \
            pepper as the server's.

            Example: skillrelay project create --json
            """
    )

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let config = try await Settings.load()
        let logger = try LogConfiguration(config: config).makeLogger()
        let database = try DatabaseConfiguration(config: config)
        let authentication = try AuthenticationConfiguration(config: config)
        let token = BearerToken.generate(prefix: authentication.tokenPrefix)
        let id = try await Self.create(token, authentication: authentication, database: database, logger: logger)
        if self.output.json {
            try Output.json(NewProject(projectId: id.lowercased, token: token))
        } else {
            try Output.line("project_id: \(id.lowercased)")
            try Output.line("token: \(token)")
        }
    }

    private static func create(
        _ token: String,
        authentication: AuthenticationConfiguration,
        database: DatabaseConfiguration,
        logger: Logger
    ) async throws -> UUID {
        guard let secret = BearerToken(token, prefix: authentication.tokenPrefix)?.lookupSecret else {
            preconditionFailure("a new token begins with its prefix")
        }
        let hasher = SecretHasher(pepper: authentication.pepper)
        let phc = try hasher.phc(secret)
        return try await PostgresPool.withPool(database.connection, size: 1, logger: logger) { pool in
            try await ProjectStore(pool: pool).create(
                secretKeyHMAC: hasher.hmac(secret),
                secretKeyHashPHC: phc
            )
        }
    }

    private struct NewProject: Encodable {
        let projectId: String
        let token: String
    }
}

extension PostgresPool {
    /// Runs the pool for as long as `body` takes.
    fileprivate static func withPool<R: Sendable>(
        _ configuration: PostgresConfiguration,
        size: Int,
        logger: Logger,
        body: @escaping @Sendable (PostgresPool) async throws -> R
    ) async throws -> R {
        let pool = PostgresPool(configuration: configuration, size: size, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            let result = try await body(pool)
            group.cancelAll()
            return result
        }
    }
}
