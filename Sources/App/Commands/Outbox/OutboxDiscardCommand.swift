import ArgumentParser
import Outbox
import Postgres

struct OutboxDiscardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Give up dead events.",
        discussion: """
            They are no longer dead but discarded: kept in the history, with your reason, and shown by list --state discarded. \
            Needs DATABASE_URL.

            Example: skillrelay outbox discard --error 406 --until 2026-11-23 --reason "test data"
            """
    )

    @OptionGroup var filter: EventFilterOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let filter = try Discard.filter(try self.filter.filter())
        try await OutboxDatabase.lend(timeout: .seconds(600)) { connection in
            let estimate = try await connection.perform { session in
                try EventEstimate.read(filter, rate: nil, in: session)
            }
            guard !self.change.dryRun else { return try estimate.print(self.output) }
            try self.change.confirm(estimate.count, "discard")
            let attribution = try self.change.attribution()
            let count = try await connection.perform { session in try Discard.run(filter, attribution, in: session) }
            guard !self.output.json else { return try Output.json(["discarded": count]) }
            try Output.line("\(count) events discarded")
        }
    }
}
