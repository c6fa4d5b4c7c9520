import Foundation

/// Where the servers of this test run are: what `scripts/services env` prints.
package enum TestEnvironment {
    /// In place of the process's own environment, for tests that bring servers of their own.
    @TaskLocal package static var variables = ProcessInfo.processInfo.environment

    /// libpq URI of a database whose role may create others.
    package static var databaseURL: String {
        get throws { try Self.value("DATABASE_URL") }
    }

    /// AMQP URI of a virtual host that nothing else uses.
    package static var rabbitMQURL: String {
        get throws { try Self.value("RABBITMQ_URL") }
    }

    /// The same broker behind TLS; its certificate is signed by ``rabbitMQCAFile`` for `localhost` and 127.0.0.1.
    package static var rabbitMQTLSURL: String {
        get throws { try Self.value("RABBITMQ_TLS_URL") }
    }

    /// PEM file with the authority that signed the broker's certificate.
    package static var rabbitMQCAFile: String {
        get throws { try Self.value("RABBITMQ_CA_FILE") }
    }

    /// The broker's HTTP API, with the credentials of an administrator.
    package static var rabbitMQManagementURL: String {
        get throws { try Self.value("RABBITMQ_MANAGEMENT_URL") }
    }

    package static func value(_ name: String) throws -> String {
        guard let value = Self.variables[name], !value.isEmpty else {
            throw TestError("\(name) is not set: run scripts/test, or source <(scripts/services env) first")
        }
        return value
    }
}
