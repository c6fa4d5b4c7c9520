import ArgumentParser

struct OutboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox",
        abstract: "Look after the outbox.",
        discussion: "Example: skillrelay outbox verify --json",
        subcommands: [OutboxVerifyCommand.self]
    )
}
