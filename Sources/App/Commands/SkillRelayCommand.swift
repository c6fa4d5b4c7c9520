import ArgumentParser

/// The root of the command line.
struct SkillRelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skillrelay",
        abstract: "Makes Acontext's learning trigger durable: the task's status and its message commit together.",
        discussion: """
            Settings come from environment variables and from the YAML file that SKILLRELAY_CONFIG names; see \
            docs/configuration.md.

            Exit codes: 0 done, 1 failed, 64 usage, 69 a server cannot be reached, 78 configuration.
            """,
        version: version,
        subcommands: [
            ServeCommand.self, MigrateCommand.self, ProjectCommand.self, OutboxCommand.self, ConsumeCommand.self,
            VersionCommand.self,
        ]
    )
}

/// What every command that prints data offers.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON: one object a line, keys in snake_case.")
    var json = false
}
