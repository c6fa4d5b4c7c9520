import ArgumentParser
import Outbox

struct OutboxReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send delivered or dead events again.",
        discussion: """
            A replay is a run in the database, done by the relays: behind live traffic, at the rate you choose, and resumed \
            after a crash. This command shows how it gets on; it may be ended, and the run goes on. Messages keep their message id, so \
            that consumers drop what they have; they carry the run's id in the header x-replay-id. Without --state it is \
            delivered and dead events. Needs DATABASE_URL.

            Example: skillrelay outbox replay --since 2h --until 1h --dry-run
            """
    )

    @OptionGroup var filter: EventFilterOptions

    @Flag(
        help:
            "Under new message ids, so that consumers take them for new: each message says in x-replay-of what it repeats."
    )
    var asNew = false

    @OptionGroup var options: RunOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let request = try ReplayRequest(
            .replay, try self.filter.filter(), asNew: self.asNew, rate: self.options.rate)
        try await self.options.perform(request, self.change, self.output)
    }
}

struct OutboxRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try dead events again.",
        discussion: """
            Takes them off the dead list and queues them with their attempts forgotten, as a run like one of replay. Needs \
            DATABASE_URL.

            Example: skillrelay outbox retry --error 406 --reason "the limit is raised"
            """
    )

    @OptionGroup var filter: EventFilterOptions
    @OptionGroup var options: RunOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let request = try ReplayRequest(.retry, try self.filter.filter(), rate: self.options.rate)
        try await self.options.perform(request, self.change, self.output)
    }
}
