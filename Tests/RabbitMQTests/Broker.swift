import Foundation
import Logging
import Support

@testable import RabbitMQ

/// The real broker that the environment names. Tests keep apart by names of their own.
enum Broker {
    static func configuration(
        url: String? = nil,
        _ change: (inout RabbitMQConfiguration) -> Void = { _ in }
    ) throws -> RabbitMQConfiguration {
        var configuration = try RabbitMQConfiguration(urls: url ?? TestEnvironment.rabbitMQURL)
        configuration.applicationName = Self.uniqueName("connection")
        change(&configuration)
        return configuration
    }

    static func connect(_ configuration: RabbitMQConfiguration) async throws -> RabbitMQConnection {
        try await RabbitMQConnection.connect(configuration, logger: Logger(label: "RabbitMQTests"))
    }

    /// Lends an open connection, with its name, and closes it.
    static func withConnection<Result>(
        url: String? = nil,
        _ change: (inout RabbitMQConfiguration) -> Void = { _ in },
        _ body: (RabbitMQConnection, _ name: String) async throws -> Result
    ) async throws -> Result {
        let configuration = try Self.configuration(url: url, change)
        let connection = try await Self.connect(configuration)
        do {
            let result = try await body(connection, configuration.applicationName)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Lends a queue with the test's own name. It is exclusive to `owner`'s connection and dies with it.
    static func declareQueue(
        _ owner: RabbitMQConnection,
        arguments: [String: RabbitMQHeader] = [:]
    ) async throws -> String {
        let name = Self.uniqueName("queue")
        try await owner.declareQueue(name, durable: false, exclusive: true, arguments: arguments)
        return name
    }

    static func uniqueName(_ kind: String) -> String {
        "rabbitmq-tests.\(kind).\(UInt64.random(in: .min ... .max))"
    }

    // MARK: From the operator's side

    /// What the broker does to every connection under an alarm, here to a single one: other tests go on.
    static func setAlarm(_ isOn: Bool, connection name: String) async throws {
        try await Self.evaluate("Connection ! {conserve_resources, memory, \(isOn)}", connection: name)
    }

    /// What `rabbitmqctl close_all_connections` does, to a single one.
    static func close(connection name: String) async throws {
        try await Self.evaluate(
            "rabbit_networking:close_connection(Connection, \"closed by a test\")", connection: name)
    }

    private static func evaluate(_ expression: String, connection name: String) async throws {
        let command = """
            [_] = [begin \(expression) end || Connection <- rabbit_networking:connections(), \
            case catch rabbit_reader:info(Connection, [client_properties]) of \
            [{_, Properties}] -> lists:member({<<"connection_name">>, longstr, <<"\(name)">>}, Properties); \
            _ -> false end].
            """
        guard let control = ProcessInfo.processInfo.environment["RABBITMQCTL"] else {
            throw TestError("RABBITMQCTL is not set: run scripts/test, or source <(scripts/services env) first")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: control)
        process.arguments = ["eval", command]
        process.standardOutput = FileHandle.nullDevice
        let status = try await withCheckedThrowingContinuation { (done: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        guard status == 0 else { throw TestError("rabbitmqctl eval ended with \(status)") }
    }
}

extension RabbitMQMessage {
    /// A message to one queue, through the default exchange.
    static func to(
        _ queue: String,
        _ body: String = "{}",
        id: String = Broker.uniqueName("message")
    ) -> RabbitMQMessage {
        RabbitMQMessage(exchange: "", routingKey: queue, body: Array(body.utf8), messageID: id)
    }
}

extension PublishOutcome {
    /// The error of an unknown outcome.
    var unknownError: RabbitMQError? { if case .unknown(let error) = self { error } else { nil } }
    /// The error of a message that was not sent.
    var unsentError: RabbitMQError? { if case .unsent(let error) = self { error } else { nil } }
    /// The error of a message that was refused before sending.
    var rejectedError: RabbitMQError? { if case .rejected(let error) = self { error } else { nil } }
}
