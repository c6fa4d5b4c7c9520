import Logging

extension ConnectionLoop {
    /// The thread's work: connect to the first host that lets us in, run, and tell everybody how it ended.
    static func run(_ configuration: RabbitMQConfiguration, _ mailbox: Mailbox, _ logger: Logger) {
        do {
            let transport = try Self.connect(configuration, mailbox, logger)
            let loop = ConnectionLoop(transport, configuration, mailbox, logger)
            mailbox.opened.fulfil(.success(()))
            loop.runUntilEnd()
        } catch {
            mailbox.end(error)
        }
    }

    private static func connect(
        _ configuration: RabbitMQConfiguration,
        _ mailbox: Mailbox,
        _ logger: Logger
    ) throws(RabbitMQError) -> AMQPTransport {
        var failures: [(host: String, error: RabbitMQError)] = []
        for endpoint in configuration.endpoints where !mailbox.isAbandoned {
            do {
                let transport = try AMQPTransport(endpoint, configuration)
                logger.debug("Connected", metadata: [LogKeys.host: "\(endpoint)"])
                return transport
            } catch {
                logger.debug("Connect failed", error: error, metadata: [LogKeys.host: "\(endpoint)"])
                failures.append(("\(endpoint)", error))
            }
        }
        // A refusal tells more than a host that is away.
        let decisive = failures.first { $0.error.code == .refused }?.error
        throw RabbitMQError(
            decisive?.code ?? .unreachable,
            failures.map { "\($0.host): \($0.error.message)" }.joined(separator: "; "),
            replyCode: decisive?.replyCode,
            brokerText: decisive?.brokerText
        )
    }
}
