import ArgumentParser
import Outbox
import Postgres

struct OutboxPurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Remove now what is older than the retention time.",
        discussion: """
            As every relay does once an hour: whole days of events, and what tells of them. A day that has a pending or dead event \
            is kept. Fewer days than are set want a --yes. Writers wait for half a second at most. Needs DATABASE_URL; the time is SKILLRELAY_RETENTION_DAYS.

            Example: skillrelay outbox purge --days 7 --reason "the disk fills up" --dry-run
            """
    )

    @Option(help: "Keep so many days, from 1 to 3650, instead of SKILLRELAY_RETENTION_DAYS.")
    var days: Int?

    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let days, !Retention.allowedDays.contains(days) { throw ValidationError("--days is from 1 to 3650") }
    }

    func run() async throws {
        let config = try await Settings.load()
        let configured = try Retention(config: config)
        let retention = self.days.map { Retention(days: $0) } ?? configured
        if retention.days < configured.days, !self.change.dryRun, !self.change.yes {
            throw ValidationError(
                "\(retention.days) days are fewer than the \(configured.days) that are set: say --yes")
        }
        try await OutboxDatabase.lend(timeout: .seconds(600)) { connection in
            guard !self.change.dryRun else {
                return try await retention.preview(on: connection).print(self.output)
            }
            let attribution = try self.change.attribution()
            try await retention.purge(attribution, on: connection).print(self.output)
        }
    }
}

extension Retention.Result {
    fileprivate func print(_ output: OutputOptions) throws {
        guard !output.json else { return try Output.json(self) }
        try Output.line("days dropped: \(self.dropped.isEmpty ? "none" : self.dropped.joined(separator: " "))")
        if !self.kept.isEmpty {
            try Output.line("days kept for pending or dead events, or a replay: \(self.kept.joined(separator: " "))")
        }
        if !self.busy.isEmpty { try Output.line("days in use, for later: \(self.busy.joined(separator: " "))") }
        let rows = [
            ("events", self.events), ("delivery batches", self.deliveries), ("discarded", self.discarded),
            ("replays", self.replays),
        ].filter { $0.1 > 0 }
        for (name, count) in rows { try Output.line("\(name) removed: \(count)") }
    }
}
