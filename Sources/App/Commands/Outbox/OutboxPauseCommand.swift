import ArgumentParser
import Outbox

struct OutboxPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Send nothing for now, or nothing to one destination.",
        discussion: """
            Kept in the database, for every relay, until you resume. Batches under way are finished; new events are written as \
            ever, and wait. Needs DATABASE_URL.

            Example: skillrelay outbox pause --exchange learning.skill --routing-key learning.skill.distill --reason "CORE upgrade"
            """
    )

    @OptionGroup var destination: DestinationOptions
    @Option(help: "Why: shown by stats, and kept in the audit trail.")
    var reason: String
    @OptionGroup var by: OperatorOption
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let attribution = try Attribution(by: self.by.by, reason: self.reason)
        let pauses = try await OutboxDatabase.perform { [destination = self.destination.destination] session in
            try OperatorPause.pause(destination, attribution, in: session)
            return try OperatorPause.list(in: session)
        }
        try pauses.print(self.output)
    }
}

struct OutboxResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End a pause.",
        discussion: """
            Name what was paused: a destination, or nothing for the whole relay. Needs DATABASE_URL.

            Example: skillrelay outbox resume --exchange learning.skill --routing-key learning.skill.distill
            """
    )

    @OptionGroup var destination: DestinationOptions
    @Option(help: "Why: kept in the audit trail.")
    var reason = "resumed"
    @OptionGroup var by: OperatorOption
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let attribution = try Attribution(by: self.by.by, reason: self.reason)
        let pauses = try await OutboxDatabase.perform { [destination = self.destination.destination] session in
            try OperatorPause.resume(destination, attribution, in: session)
            return try OperatorPause.list(in: session)
        }
        try pauses.print(self.output)
    }
}

/// One destination, or everything.
struct DestinationOptions: ParsableArguments {
    @Option(help: "The exchange of the one destination that is meant.")
    var exchange: String?

    @Option(help: "Its routing key.")
    var routingKey: String?

    func validate() throws {
        if (self.exchange == nil) != (self.routingKey == nil) {
            throw ValidationError("a destination is --exchange and --routing-key")
        }
    }

    var destination: Destination? {
        guard let exchange, let routingKey else { return nil }
        return Destination(exchange: exchange, routingKey: routingKey)
    }
}

extension [OperatorPause] {
    /// What is paused now.
    fileprivate func print(_ output: OutputOptions) throws {
        guard !output.json else { return try Output.json(["items": self]) }
        if self.isEmpty { try Output.line("nothing is paused") }
        for pause in self {
            let name = pause.exchange.map { "\($0) \(pause.routingKey ?? "")" } ?? "everything"
            try Output.line("paused: \(name), by \(pause.pausedBy): \(pause.reason)")
        }
    }
}
