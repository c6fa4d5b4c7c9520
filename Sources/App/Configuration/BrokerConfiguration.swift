import Configuration
import RabbitMQ

/// How to reach the broker.
///
/// ## Configuration keys
///
/// - `rabbitmq.url` (string, required, secret): an `amqp://` or `amqps://` URI; of a comma-separated list each is tried in turn.
/// - `skillrelay.publishTimeoutMs` (integer, milliseconds, default 5000): from 100 to 60000; how long to wait for confirms.
struct BrokerConfiguration: Sendable {
    let connection: RabbitMQConfiguration

    init(config: ConfigReader) throws(ConfigurationError) {
        let urls = try config.requiredText(.rabbitMQURL)
        let publishTimeout = try config.milliseconds(.publishTimeout, in: 100...60_000)
        do {
            var connection = try RabbitMQConfiguration(urls: urls)
            connection.publishTimeout = publishTimeout
            self.connection = connection
        } catch {
            // Quotes nothing of the URI: it may hold a password.
            throw ConfigurationError(.rabbitMQURL, "\(error)")
        }
    }
}
