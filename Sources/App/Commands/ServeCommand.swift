import ArgumentParser
import Logging
import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the API and relay events to RabbitMQ.",
        discussion: """
            Starts whether or not the servers are there, and keeps trying. SIGTERM or SIGINT finishes what is under way and ends \
            with 0 within 10 seconds; a second one ends at once. Needs DATABASE_URL, RABBITMQ_URL and ROOT_SECRET_PEPPER.

            Example: SKILLRELAY_PORT=8029 skillrelay serve
            """
    )

    func run() async throws {
        let config = try await Settings.load()
        let logger = try LogConfiguration(config: config).makeLogger()
        let configuration = try ServeConfiguration(config: config)
        logger.notice("starting", metadata: [LogKey.version: "\(version)", LogKey.role: "\(configuration.role)"])
        do {
            try await Wiring.serviceGroup(configuration, logger: logger).run()
        } catch is CancellationError {
            // Nothing is lost: what was not confirmed is still pending, and what was not answered did not commit or is unknown.
            logger.warning("stopped in the middle of work: the shutdown took too long")
        }
        logger.notice("stopped")
    }
}
