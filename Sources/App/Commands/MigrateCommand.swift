import ArgumentParser
import Postgres

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Create what the database lacks.",
        discussion: """
            Works on an empty database and on an existing Acontext's, changes nothing that is there except for adding \
            sessions.disable_task_status_change, and may run in several places at once. Needs DATABASE_URL.

            Example: DATABASE_URL=postgresql://acontext:secret@127.0.0.1:5432/acontext skillrelay migrate --dry-run
            """
    )

    @Flag(help: "Say what would be applied, and apply nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let config = try await Settings.load()
        let logger = try LogConfiguration(config: config).makeLogger()
        var database = try DatabaseConfiguration(config: config).connection
        // An index over existing rows takes its time; a lock that cannot be had must not hold up all who queue behind it.
        database.statementTimeout = .seconds(600)
        database.lockTimeout = .seconds(5)
        let connection = try await PostgresConnection.connect(database, logger: logger)
        let names = try await Migrations.migrator(logger: logger).migrate(connection, dryRun: self.dryRun)
        await connection.close()
        try self.report(names)
    }

    private func report(_ names: [String]) throws {
        if self.output.json {
            try Output.json(Report(dryRun: self.dryRun, migrations: names))
        } else if names.isEmpty {
            try Output.line("nothing to do")
        } else {
            for name in names {
                try Output.line("\(self.dryRun ? "would apply" : "applied") \(name)")
            }
        }
    }

    private struct Report: Encodable {
        let dryRun: Bool
        let migrations: [String]
    }
}
