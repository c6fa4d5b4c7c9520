import Glibc
import Support
import Testing

@testable import Postgres

@Suite("Connecting")
struct ConnectTests {
    private func failure(_ url: String, timeout: Duration = .seconds(3)) async throws -> PostgresError? {
        var configuration = try PostgresConfiguration(connectionString: url)
        configuration.connectTimeout = timeout
        return await postgresError {
            _ = try await PostgresConnection.connect(configuration, logger: Server.logger)
        }
    }

    @Test("a refused connection is .unavailable, says why, and does not tell the password")
    func refused() async throws {
        let error = try await self.failure("postgresql://ada:hunter2@127.0.0.1:1/none")
        #expect(error?.code == .unavailable)
        #expect(error?.description.contains("refused") == true)
        #expect(error.map { String(reflecting: $0) }?.contains("hunter2") == false)
    }

    @Test("an unknown database is .unavailable and named")
    func unknownDatabase() async throws {
        let url = try TestURL(TestEnvironment.databaseURL).path("no_such_database")
        let error = try await self.failure(url)
        #expect(error?.code == .unavailable)
        #expect(error?.description.contains("no_such_database") == true)
    }

    @Test("a silent server is given up after connect_timeout")
    func silent() async throws {
        let silent = try SilentServer()
        let start = ContinuousClock.now
        let error = try await self.failure("postgresql://127.0.0.1:\(silent.port)/x", timeout: .seconds(1))
        #expect(error?.code == .unavailable)
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test("a refusing and a silent server are passed over for one that answers")
    func severalServers() async throws {
        let silent = try SilentServer()
        let url = try TestEnvironment.databaseURL
        let server = try await withConnection { connection in
            try await connection.perform { session in
                try session.query(
                    PostgresStatement(
                        "server",
                        "SELECT host(inet_server_addr()), inet_server_port(), current_user, current_database()")
                ) { try $0.decode(String.self, Int.self, String.self, String.self) }
            }
        }
        let (host, port, _, database) = try #require(server.first)
        let user = try #require(url.split(separator: "//").last?.split(separator: "@").first)
        let servers = "127.0.0.1:1,127.0.0.1:\(silent.port),\(host):\(port)"
        var configuration = try PostgresConfiguration(
            connectionString: "postgresql://\(user)@\(servers)/\(database)?target_session_attrs=read-write"
        )
        configuration.connectTimeout = .seconds(1)
        try await withConnection(configuration) { connection in
            try await connection.expect("SELECT inet_server_port()", is: [port])
        }
    }

    @Test("cancelling the task ends an attempt to connect at once")
    func cancelled() async throws {
        let silent = try SilentServer()
        let task = Task { try await self.failure("postgresql://127.0.0.1:\(silent.port)/x", timeout: .seconds(30)) }
        // Either before or after the attempt began.
        try await Task.sleep(for: .milliseconds(50))
        let start = ContinuousClock.now
        task.cancel()
        #expect(try await task.value?.code == .cancelled)
        #expect(ContinuousClock.now - start < .seconds(2))
    }
}

/// Takes connections, and never says a word: a server that hangs.
private final class SilentServer: Sendable {
    let port: Int
    private let listener: Int32

    init() throws {
        self.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (listener, size) = (self.listener, length)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) + listen(listener, 8) + getsockname(listener, address, &length)
            }
        }
        guard code == 0 else { throw TestError("no free port (errno \(errno))") }
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        close(self.listener)
    }
}
