import ArgumentParser
import RabbitMQ
import ServiceLifecycle
import UnixSignals

struct ConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume",
        abstract: "Print learning messages as they arrive; for trying things out.",
        discussion: """
            Declares the exchange learning.skill and the queue \(LearningQueue.name) as Acontext CORE does, prints and \
            acknowledges each message, and drops repeated message ids. It takes messages off CORE's queue: never run it \
            beside a CORE that should learn. Needs RABBITMQ_URL.

            Example: RABBITMQ_URL=amqp://guest:guest@127.0.0.1:5672 skillrelay consume --limit 1 --json
            """
    )

    @Option(help: "End after this many messages.")
    var limit: Int?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let limit = self.limit, limit < 1 {
            throw ValidationError("--limit must be at least 1")
        }
    }

    func run() async throws {
        let config = try await Settings.load()
        let logger = try LogConfiguration(config: config).makeLogger()
        let consumer = MessagePrinter(
            configuration: try BrokerConfiguration(config: config).connection,
            limit: self.limit,
            isJSON: self.output.json,
            logger: logger
        )
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: consumer,
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup
                    )
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
    }
}
