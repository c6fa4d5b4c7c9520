import ArgumentParser

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version.",
        discussion: "Example: skillrelay version"
    )

    func run() throws {
        try Output.line(version)
    }
}
