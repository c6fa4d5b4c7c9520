import ArgumentParser
import Outbox

struct OutboxActionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "actions",
        abstract: "Show the audit trail, the latest first.",
        discussion: """
            Who has replayed, cancelled, retried, discarded, purged, paused or resumed what, and why. Needs DATABASE_URL.

            Example: skillrelay outbox actions --limit 5
            """
    )

    @Option(help: "As many at most, up to 1000.")
    var limit = 20

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(self.limit) else { throw ValidationError("--limit is from 1 to 1000") }
    }

    func run() async throws {
        let actions = try await OutboxDatabase.perform { [limit = self.limit] session in
            try OperatorAction.list(limit: limit, in: session)
        }
        for action in actions {
            if self.output.json {
                try Output.json(action)
            } else {
                let details = try Output.text(action.details)
                try Output.line(
                    "\(Readable.time(action.at))  \(action.action)  by \(action.by): \(action.reason ?? "")  \(details)"
                )
            }
        }
    }
}
