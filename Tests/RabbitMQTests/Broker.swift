import Glibc
import Logging
import Testing

@testable import RabbitMQ

/// The real broker that the environment names.
enum Broker {
    static var url: String {
        get throws { try Self.variable("RABBITMQ_URL") }
    }

    static func variable(_ name: String) throws -> String {
        try #require(getenv(name).map { String(cString: $0) }, "\(name) is not set; scripts/test sets it")
    }

    static func configuration(
        url: String? = nil,
        _ change: (inout RabbitMQConfiguration) -> Void = { _ in }
    ) throws -> RabbitMQConfiguration {
        var configuration = try RabbitMQConfiguration(urls: url ?? Self.url)
        configuration.applicationName = Self.unique("connection")
        change(&configuration)
        return configuration
    }

    /// Lends an open connection and closes it.
    static func withConnection(
        url: String? = nil,
        _ change: (inout RabbitMQConfiguration) -> Void = { _ in },
        _ body: (RabbitMQConnection) async throws -> Void
    ) async throws {
        let configuration = try Self.configuration(url: url, change)
        let connection = try await RabbitMQConnection.connect(configuration, logger: Logger(label: "test"))
        do {
            try await body(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    /// Lends an open connection and a queue of the test's own, which is deleted afterwards.
    static func withQueue(
        arguments: [String: RabbitMQHeader] = [:],
        _ change: (inout RabbitMQConfiguration) -> Void = { _ in },
        _ body: (RabbitMQConnection, String) async throws -> Void
    ) async throws {
        let queue = Self.unique("queue")
        try await Self.withConnection(url: nil, change) { connection in
            try await connection.declareQueue(queue, durable: false, autoDelete: false, arguments: arguments)
            do {
                try await body(connection, queue)
            } catch {
                try? await Self.delete(queue)  // The test's own error says more.
                throw error
            }
            try await Self.delete(queue)
        }
    }

    private static func delete(_ queue: String) async throws {
        try await Self.withConnection { try await $0.deleteQueue(queue) }
    }

    static func unique(_ name: String) -> String {
        "rabbitmq-tests.\(name).\(UInt64.random(in: .min ... .max))"
    }
}

extension RabbitMQMessage {
    /// A message to one queue through the default exchange.
    static func to(_ queue: String, _ body: String = "{}", id: String = Broker.unique("message")) -> RabbitMQMessage {
        RabbitMQMessage(exchange: "", routingKey: queue, body: Array(body.utf8), messageID: id)
    }
}

/// Waits for a condition, with a deadline.
func eventually(
    within limit: Duration = .seconds(10),
    _ comment: Comment,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record(comment, sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}
