import ArgumentParser
import Foundation
import Outbox
import Postgres

struct OutboxReplaysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replays",
        abstract: "List the runs of replay and retry, the latest first, or follow one.",
        discussion: """
            Needs DATABASE_URL.

            Example: skillrelay outbox replays --limit 5 --json
            """
    )

    @Argument(help: ArgumentHelp("One run, by its id.", valueName: "run"), transform: EventIDArgument.read)
    var id: UUID?

    @Flag(help: "Wait for the end of that run.")
    var follow = false

    @Option(help: "As many at most, up to 1000.")
    var limit = 20

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(self.limit) else { throw ValidationError("--limit is from 1 to 1000") }
        if self.follow, self.id == nil { throw ValidationError("--follow needs a run") }
    }

    func run() async throws {
        let run: Replay? = try await OutboxDatabase.lend { connection in
            guard let id = self.id else {
                let runs = try await connection.perform { [limit = self.limit] session in
                    try Replay.list(limit: limit, in: session)
                }
                for run in runs { try run.print(self.output) }
                return nil
            }
            return try await connection.perform { session in try Replay.find(id, in: session) }
        }
        guard let run else { return }
        guard self.follow else { return try run.print(self.output) }
        try await ReplayFollower(run).follow(self.output)
    }
}

struct OutboxCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End a run early.",
        discussion: """
            What it has queued, some hundred events, still goes out. Needs DATABASE_URL.

            Example: skillrelay outbox cancel 019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90 --reason "wrong day"
            """
    )

    @Argument(help: ArgumentHelp("The run, by its id.", valueName: "run"), transform: EventIDArgument.read)
    var id: UUID

    @Option(help: "Why: kept in the audit trail.")
    var reason: String
    @OptionGroup var by: OperatorOption
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let attribution = try Attribution(by: self.by.by, reason: self.reason)
        let run = try await OutboxDatabase.perform { [id = self.id] session in
            try Replay.cancel(id, attribution, in: session)
        }
        try run.print(self.output)
    }
}
