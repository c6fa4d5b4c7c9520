import Logging
import Support
import Synchronization
import Testing

@testable import RabbitMQ

@Suite("Connecting", .timeLimit(.minutes(1)))
struct ConnectTests {
    private func failure(_ configuration: RabbitMQConfiguration) async -> RabbitMQError? {
        await #expect(throws: RabbitMQError.self) { _ = try await Broker.connect(configuration) }
    }

    /// Lends a proxy before the broker; nobody listens there until it is opened.
    private func withProxy(_ body: (FaultProxy) async throws -> Void) async throws {
        try await withFaultProxy(to: Int(try Broker.configuration().endpoints[0].port), body)
    }

    /// Lends a port where somebody listens and never says a word.
    private func withSilentServer(_ body: (FaultProxy) async throws -> Void) async throws {
        try await self.withProxy { proxy in
            proxy.hold()
            proxy.open()
            try await body(proxy)
        }
    }

    @Test("nobody listens: unreachable at once")
    func nobodyListens() async throws {
        try await self.withProxy { nobody in
            let started = ContinuousClock.now
            let error = await self.failure(try Broker.configuration(url: "amqp://127.0.0.1:\(nobody.port)"))
            #expect(error?.code == .unreachable)
            #expect(error?.description.contains("connection refused") == true)
            #expect(ContinuousClock.now - started < .seconds(2))
        }
    }

    @Test("a server that says nothing: unreachable after the connect timeout", arguments: ["amqp", "amqps"])
    func silentServer(scheme: String) async throws {
        try await self.withSilentServer { silent in
            let started = ContinuousClock.now
            let error = await self.failure(
                try Broker.configuration(url: "\(scheme)://127.0.0.1:\(silent.port)") {
                    $0.connectTimeout = .seconds(1)
                }
            )
            #expect(error?.code == .unreachable)
            #expect(ContinuousClock.now - started < .seconds(4))
        }
    }

    @Test("a cancelled connect returns at once")
    func cancelled() async throws {
        try await self.withSilentServer { silent in
            let configuration = try Broker.configuration(url: "amqp://127.0.0.1:\(silent.port)") {
                $0.connectTimeout = .seconds(20)
            }
            let connecting = Task { try await Broker.connect(configuration) }
            connecting.cancel()
            let started = ContinuousClock.now
            let error = await #expect(throws: RabbitMQError.self) { _ = try await connecting.value }
            #expect(error?.code == .cancelled)
            #expect(ContinuousClock.now - started < .seconds(2))
        }
    }

    @Test("a wrong password is refused with 403 and appears nowhere")
    func wrongPassword() async throws {
        let broker = try Broker.configuration().endpoints[0]
        let log = RecordingLogHandler()
        let configuration = try Broker.configuration(
            url: "amqp://\(broker.username):hunter2secret@\(broker.host):\(broker.port)"
        )
        let error = await #expect(throws: RabbitMQError.self) {
            _ = try await RabbitMQConnection.connect(configuration, logger: Logger(label: "test") { _ in log })
        }
        #expect(error?.code == .refused)
        #expect(error?.replyCode == .accessRefused)
        var dumped = ""
        dump(configuration, to: &dumped)
        let told = "\(log.lines) \(dumped) \(configuration) \(error.map { String(reflecting: $0) } ?? "")"
        #expect(log.lines.contains { $0.contains("Connect failed") })
        #expect(!told.contains("hunter2secret"))
    }

    @Test("a missing virtual host is refused with 530")
    func missingVirtualHost() async throws {
        var configuration = try Broker.configuration()
        let broker = configuration.endpoints[0]
        let url = "amqp://\(broker.username):\(broker.password.value)@\(broker.host):\(broker.port)/missing"
        configuration = try Broker.configuration(url: url)
        let error = await self.failure(configuration)
        #expect(error?.code == .refused)
        #expect(error?.replyCode == .notAllowed)
    }

    @Test("several hosts are tried in turn")
    func severalHosts() async throws {
        try await self.withProxy { nobody in
            let dead = "amqp://127.0.0.1:\(nobody.port)"
            try await Broker.withConnection(url: "\(dead),\(try TestEnvironment.rabbitMQURL)") { connection, _ in
                #expect(connection.isOpen)
            }
            let error = await self.failure(try Broker.configuration(url: "\(dead),\(dead)"))
            #expect(error?.code == .unreachable)
        }
    }

    @Test("TLS with a private authority, by name and by address", arguments: ["localhost", "127.0.0.1"])
    func tls(host: String) async throws {
        let authority = try TestEnvironment.rabbitMQCAFile
        let url = try TestEnvironment.rabbitMQTLSURL.replacing("localhost", with: host)
        try await Broker.withConnection(url: url, { $0.caCertificateFile = authority }) { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            var large = RabbitMQMessage.to(queue)
            large.body = [UInt8](repeating: 1, count: 300_000)
            let outcomes = await connection.publish([large] + (0..<500).map { _ in .to(queue) })
            #expect(outcomes.allSatisfy { $0 == .routed })
            let consumer = try await connection.consume(queue)
            var iterator = consumer.makeAsyncIterator()
            #expect(try await iterator.next()?.message == large)
        }
        try await Broker.withConnection(url: "\(url)?cacertfile=\(authority)") { connection, _ in
            #expect(connection.isOpen)
        }
    }

    @Test("TLS refuses an authority it was not told to trust")
    func unknownAuthority() async throws {
        let error = await self.failure(try Broker.configuration(url: try TestEnvironment.rabbitMQTLSURL))
        #expect(error?.code == .unreachable)
        #expect(error?.description.contains("verif") == true)
    }

    // The resolver takes 127.1 for 127.0.0.1, but it is no address to OpenSSL: the certificate must carry it as a name.
    @Test("TLS refuses a certificate for another name or address", arguments: ["127.1", "127.0.0.2"])
    func otherName(host: String) async throws {
        let authority = try TestEnvironment.rabbitMQCAFile
        let broker = try Broker.configuration(url: try TestEnvironment.rabbitMQTLSURL).endpoints[0]
        let error = try await withFaultProxy(to: Int(broker.port), on: host) { proxy in
            proxy.open()
            return await self.failure(
                try Broker.configuration(url: "amqps://\(host):\(proxy.port)") { $0.caCertificateFile = authority }
            )
        }
        #expect(error?.code == .unreachable)
        #expect(error?.description.contains("verif") == true, "\(String(describing: error))")
    }

    @Test("letting go of a connection closes it")
    func letGo() async throws {
        let broker = try Broker.configuration().endpoints[0]
        try await withFaultProxy(to: Int(broker.port)) { proxy in
            proxy.open()
            _ = try await Broker.connect(
                try Broker.configuration(
                    url: "amqp://\(broker.username):\(broker.password.value)@127.0.0.1:\(proxy.port)"
                )
            )
            try await eventually("the proxy sees the connection close") { proxy.clientsGoneCount == 1 }
        }
    }
}

/// Remembers what was logged, at every level.
private struct RecordingLogHandler: LogHandler {
    private final class Record: Sendable {
        let lines = Mutex<[String]>([])
    }

    private let record = Record()
    var lines: [String] { self.record.lines.withLock { $0 } }

    var logLevel = Logger.Level.trace
    var metadata = Logger.Metadata()

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let line = "\(event.message) \(event.metadata ?? [:]) \(event.error.map { String(reflecting: $0) } ?? "")"
        self.record.lines.withLock { $0.append(line) }
    }
}
