import ArgumentParser

struct ProjectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "project",
        abstract: "Manage projects.",
        discussion: "Example: skillrelay project create --json",
        subcommands: [ProjectCreateCommand.self]
    )
}
