import Configuration
import RabbitMQ

/// How to reach the broker.
///
/// ## Configuration keys
///
/// - `rabbitmq.url` (string, required, secret): an `amqp://` or `amqps://` URI; of a comma-separated list each is tried in turn.
struct BrokerConfiguration: Sendable {
    var connection: RabbitMQConfiguration

    init(config: ConfigReader) throws(ConfigurationError) {
        let urls = try config.requiredText(.rabbitMQURL)
        do {
            self.connection = try RabbitMQConfiguration(urls: urls)
        } catch {
            throw ConfigurationError(.rabbitMQURL, "is not an amqp:// or amqps:// URI, or a comma-separated list of them")
        }
    }
}
