import ArgumentParser

struct OutboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox",
        abstract: "Look after the outbox.",
        discussion: "Example: skillrelay outbox stats",
        subcommands: [
            OutboxStatsCommand.self, OutboxListCommand.self, OutboxShowCommand.self,
            OutboxReplayCommand.self, OutboxRetryCommand.self, OutboxReplaysCommand.self, OutboxCancelCommand.self,
            OutboxDiscardCommand.self, OutboxPurgeCommand.self, OutboxPauseCommand.self, OutboxResumeCommand.self,
            OutboxActionsCommand.self, OutboxVerifyCommand.self,
        ]
    )
}
