import API
import Configuration
import Foundation
import Logging
import Outbox
import RabbitMQ
import Telemetry
import Testing

@testable import App

@Suite("Configuration")
struct ConfigurationTests {
    /// The least that `serve` needs; each test changes some of it.
    private static let complete = [
        "DATABASE_URL": "postgresql://user:hidden-password@127.0.0.1:5432/acontext",
        "RABBITMQ_URL": "amqp://user:hidden-password@127.0.0.1:5672",
        "ROOT_SECRET_PEPPER": "hidden-pepper",
    ]

    /// Everything that `serve` reads.
    private func read(
        _ changes: [String: String]
    ) async throws(ConfigurationError) -> (serve: ServeConfiguration, log: LogConfiguration) {
        let config = try await Settings.load(environment: Self.complete.merging(changes) { $1 })
        return (try ServeConfiguration(config: config), try LogConfiguration(config: config))
    }

    @Test("what is not set has the documented default")
    func defaults() async throws {
        let (serve, log) = try await self.read([:])
        #expect(serve.role == .all)
        #expect(serve.host == "127.0.0.1")
        #expect(serve.port == 8029)
        #expect(serve.poolSize == 8)
        #expect(serve.relay.pollInterval == .milliseconds(250))
        #expect(serve.relay.batchSize == 256)
        #expect(serve.relay.lanes == 2)
        #expect(serve.broker?.connection.publishTimeout == .seconds(5))
        #expect(serve.authentication.tokenPrefix == "sk-ac-")
        #expect(serve.idempotencyKeyLifetime == .seconds(24 * 3600))
        #expect(serve.authentication.verifiesArgon2)
        #expect(serve.defaultProjectToken == nil)
        #expect(serve.extraction.coreURL == nil)
        #expect(serve.extraction.writesMessageEvents)
        #expect(log.level == .info)
        #expect(log.format == .text)
    }

    @Test("every variable is read")
    func everyVariable() async throws {
        let (serve, log) = try await self.read([
            "SKILLRELAY_ROLE": "api", "SKILLRELAY_HOST": "0.0.0.0", "SKILLRELAY_PORT": "0",
            "SKILLRELAY_DATABASE_POOL_SIZE": "3", "SKILLRELAY_POLL_INTERVAL_MS": "10",
            "SKILLRELAY_BATCH_SIZE": "1000", "SKILLRELAY_RELAY_LANES": "8", "SKILLRELAY_IDEMPOTENCY_KEY_HOURS": "48",
            "ROOT_PROJECT_BEARER_TOKEN_PREFIX": "key-",
            "ENABLE_ARGON2_VERIFICATION": "false", "ROOT_API_BEARER_TOKEN": "token",
            "CORE_BASE_URL": "https://core.example:8019/path", "SKILLRELAY_MESSAGE_EVENTS": "false",
            "SKILLRELAY_LOG_LEVEL": "trace", "SKILLRELAY_LOG_FORMAT": "json",
        ])
        #expect(serve.role == .api)
        #expect(serve.host == "0.0.0.0")
        #expect(serve.port == 0)
        #expect(serve.poolSize == 3)
        #expect(serve.relay.pollInterval == .milliseconds(10))
        #expect(serve.relay.batchSize == 1000)
        #expect(serve.relay.lanes == 8)
        #expect(serve.idempotencyKeyLifetime == .seconds(48 * 3600))
        #expect(serve.authentication.tokenPrefix == "key-")
        #expect(!serve.authentication.verifiesArgon2)
        #expect(serve.defaultProjectToken == "token")
        #expect(serve.extraction.coreURL?.absoluteString == "https://core.example:8019/path")
        #expect(!serve.extraction.writesMessageEvents)
        #expect(log.level == .trace)
        #expect(log.format == .json)
    }

    @Test("the role api needs no broker")
    func apiRole() async throws {
        #expect(try await self.read(["SKILLRELAY_ROLE": "api", "RABBITMQ_URL": ""]).serve.broker == nil)
        #expect(try await self.read(["SKILLRELAY_PORT": ""]).serve.port == 8029)
    }

    @Test(
        "a bad value is refused in one line with the variable, what is wrong and an example, and without secrets",
        arguments: [
            ("DATABASE_URL", "", "missing"),
            ("DATABASE_URL", "postgresql://user:hidden-password@[::1/acontext", "the connection string is malformed"),
            ("DATABASE_URL", "hidden-password", "the connection string is malformed"),
            ("RABBITMQ_URL", "", "missing"),
            ("SKILLRELAY_ADMIN_TOKEN", "hidden", "is not 16 or more visible ASCII characters"),
            ("SKILLRELAY_ADMIN_TOKEN", "hidden and with spaces", "is not 16 or more visible ASCII characters"),
            ("RABBITMQ_URL", "http://user:hidden-password@127.0.0.1", "amqp"),
            ("RABBITMQ_URL", "amqp://user:hidden-password@host:99999/", "amqp"),
            ("ROOT_SECRET_PEPPER", "", "missing"),
            ("ROOT_PROJECT_BEARER_TOKEN_PREFIX", "a b", #""a b" has other than visible ASCII"#),
            ("ENABLE_ARGON2_VERIFICATION", "perhaps", #""perhaps" is not true or false"#),
            ("SKILLRELAY_PORT", "abc", #""abc" is not an integer from 0 to 65535"#),
            ("SKILLRELAY_PORT", "-1", "from 0 to 65535"),
            ("SKILLRELAY_PORT", "65536", "from 0 to 65535"),
            ("SKILLRELAY_PORT", "8029 ", "from 0 to 65535"),
            ("SKILLRELAY_PORT", "80\n29", #""80\n29" is not"#),
            ("SKILLRELAY_PORT", "99999999999999999999", "from 0 to 65535"),
            ("SKILLRELAY_ROLE", "worker", #""worker" is not one of all, api, relay"#),
            ("SKILLRELAY_POLL_INTERVAL_MS", "9", "from 10 to 60000"),
            ("SKILLRELAY_POLL_INTERVAL_MS", "60001", "from 10 to 60000"),
            ("SKILLRELAY_BATCH_SIZE", "0", "from 1 to 1000"),
            ("SKILLRELAY_BATCH_SIZE", "1001", "from 1 to 1000"),
            ("SKILLRELAY_RELAY_LANES", "0", "from 1 to 8"),
            ("SKILLRELAY_RELAY_LANES", "9", "from 1 to 8"),
            ("SKILLRELAY_PUBLISH_TIMEOUT_MS", "99", "from 100 to 60000"),
            ("SKILLRELAY_PUBLISH_TIMEOUT_MS", "5s", "from 100 to 60000"),
            ("SKILLRELAY_DATABASE_POOL_SIZE", "0", "from 1 to 200"),
            ("SKILLRELAY_DATABASE_POOL_SIZE", "201", "from 1 to 200"),
            ("SKILLRELAY_IDEMPOTENCY_KEY_HOURS", "0", "from 1 to 720"),
            ("SKILLRELAY_IDEMPOTENCY_KEY_HOURS", "721", "from 1 to 720"),
            ("SKILLRELAY_RETENTION_DAYS", "0", "from 1 to 3650"),
            ("CORE_BASE_URL", "core:8019", "is not an http or https URL"),
            ("CORE_BASE_URL", "http://", "is not an http or https URL"),
            ("CORE_BASE_URL", "http://user:hidden@core", "is not an http or https URL"),
            ("CORE_BASE_URL", "http://core?x=hidden", "is not an http or https URL"),
            ("CORE_BASE_URL", "http://core:99999", "is not an http or https URL"),
            ("SKILLRELAY_MESSAGE_EVENTS", "perhaps", #""perhaps" is not true or false"#),
            ("SKILLRELAY_LOG_LEVEL", "verbose", "one of trace, debug, info, notice, warning, error, critical"),
            ("SKILLRELAY_LOG_FORMAT", "xml", "one of text, json"),
            ("SKILLRELAY_CONFIG", "/nowhere/skillrelay.yaml", "cannot be read"),
        ]
    )
    func badValue(variable: String, value: String, problem: String) async throws {
        let error = try await #require(throws: ConfigurationError.self) { try await self.read([variable: value]) }
        let report = try #require(Failure(error))
        #expect(report.status == .configuration)
        #expect(report.message.hasPrefix("\(variable): "))
        #expect(report.message.contains(problem))
        #expect(report.message.contains("; example: \(variable)="))
        #expect(!report.message.contains("\n"))
        #expect(!report.message.contains("hidden"))
    }

    @Test("the examples are themselves good values")
    func examples() async throws {
        let examples = Setting.all.filter { $0.variable != Setting.file.variable }.map { ($0.variable, $0.example) }
        _ = try await self.read(Dictionary(uniqueKeysWithValues: examples))
    }

    @Test("a YAML file sets the same settings, and the environment wins over it")
    func file() async throws {
        let serve = try await self.withFile(
            """
            skillrelay:
              port: 9000
              host: "::1"
              pollIntervalMs: 500
            enable:
              argon2:
                verification: false
            """
        ) { path in
            try await self.read(["SKILLRELAY_CONFIG": path, "SKILLRELAY_PORT": "9001"]).serve
        }
        #expect(serve.port == 9001)
        #expect(serve.host == "::1")
        #expect(serve.relay.pollInterval == .milliseconds(500))
        #expect(!serve.authentication.verifiesArgon2)
    }

    @Test("a bad value in the file is refused like one in the environment", arguments: ["abc", "[1, 2]", "70000"])
    func badValueInFile(value: String) async throws {
        try await self.withFile("skillrelay:\n  port: \(value)\n") { path in
            let error = try await #require(throws: ConfigurationError.self) {
                try await self.read(["SKILLRELAY_CONFIG": path])
            }
            #expect(error.variable == "SKILLRELAY_PORT")
        }
    }

    @Test(
        "a file that is no YAML mapping is refused without quoting it",
        arguments: ["", "- hidden\n", "database:\n  url: 'hidden\n", "hidden: [\n"]
    )
    func badFile(text: String) async throws {
        try await self.withFile(text) { path in
            let error = try await #require(throws: ConfigurationError.self) {
                try await self.read(["SKILLRELAY_CONFIG": path])
            }
            #expect(error.variable == "SKILLRELAY_CONFIG")
            #expect(!error.description.contains("hidden"))
        }
    }

    @Test("docs/configuration.md has a row for every variable, with its type and default")
    func documented() throws {
        let page = try String(contentsOf: Repository.file("docs/configuration.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.count == Setting.all.count)
        for setting in Setting.all {
            let start = "| `\(setting.variable)` | `\(setting.key)` |"
            let row = try #require(rows.first { $0.hasPrefix(start) })
            switch setting.defaultValue {
            case .string(""): break
            case .string(let text): #expect(row.hasSuffix("| `\(text)` |"))
            case .int(let number): #expect(row.hasPrefix(start + " integer |") && row.hasSuffix("| `\(number)` |"))
            case .bool(let flag): #expect(row.hasPrefix(start + " boolean |") && row.hasSuffix("| `\(flag)` |"))
            default: Issue.record("an unexpected kind of default")
            }
        }
    }

    @Test("docs/configuration.md says how small and how large a number may be")
    func documentedRanges() async throws {
        let page = try String(contentsOf: Repository.file("docs/configuration.md"), encoding: .utf8)
        for setting in Setting.all {
            guard case .int = setting.defaultValue else { continue }
            let row = try #require(page.split(separator: "\n").first { $0.hasPrefix("| `\(setting.variable)` |") })
            let range = try #require(row.firstMatch(of: /(\d+) to (\d+)/), "\(setting.variable)")
            let (least, most) = (try #require(Int(range.1)), try #require(Int(range.2)))
            for value in [least, most] { _ = try await self.read([setting.variable: "\(value)"]) }
            for value in [least - 1, most + 1] {
                let error = await #expect(throws: ConfigurationError.self, "\(setting.variable)=\(value)") {
                    try await self.read([setting.variable: "\(value)"])
                }
                #expect(error?.variable == setting.variable)
            }
        }
    }

    private func withFile<R>(_ text: String, _ body: (String) async throws -> R) async throws -> R {
        let file = FileManager.default.temporaryDirectory.appending(path: "skillrelay-\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await body(file.path())
    }
}
