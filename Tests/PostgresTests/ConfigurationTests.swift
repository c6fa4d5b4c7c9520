import Testing

@testable import Postgres

@Suite("Configuration")
struct ConfigurationTests {
    @Test(
        "what libpq takes is taken",
        arguments: [
            "postgresql://u:p%40ss@a:5432,b:5433/db?target_session_attrs=read-write", "postgres:///db?host=/tmp",
            "host=localhost dbname=db", "postgresql://[::1]:5432/db",
        ]
    )
    func taken(_ text: String) throws {
        _ = try PostgresConfiguration(connectionString: text)
    }

    @Test(
        "what is malformed is refused without quoting it",
        arguments: [
            "", "hunter2", "http://ada:hunter2@localhost/db", "postgresql://ada:hunter2@localhost/db?hunter2",
            "postgresql://ada:hun@ter2@localhost/db", "postgresql://ada:hun/ter2@localhost/db",
            "postgresql://localhost:hunter2/db", "postgresql://localhost:99999/db",
        ]
    )
    func refused(_ text: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(connectionString: text) }
        #expect(error?.code == .configuration)
        for part in ["hunter2", "ter2", "ada"] {
            #expect(error.map { String(reflecting: $0) }?.contains(part) == false)
        }
    }

    @Test("a configuration shows its endpoint, and neither user nor password")
    func redacted() throws {
        let configuration = try PostgresConfiguration(connectionString: "postgresql://ada:hunter2@a:5433,b/db")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in [configuration.description, "\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains("ada"))
        }
        #expect(try PostgresConfiguration(connectionString: "postgresql://a:1,b:2/db").endpoint == "a:1,b:2/db")
    }
}

@Suite("Servers of one attempt")
struct ServerListTests {
    @Test("a silent server and those before it are left out")
    func rest() {
        let servers = ServerList(options: ["host": "a,b,c", "port": "1,2,3"])
        #expect(servers.after(host: "a", port: "1") == ServerList(options: ["host": "b,c", "port": "2,3"]))
        #expect(servers.after(host: "b", port: "2") == ServerList(options: ["host": "c", "port": "3"]))
        #expect(servers.after(host: "c", port: "3") == nil)
        #expect(servers.after(host: "z", port: "9") == nil)
    }

    @Test("one port stands for all, and addresses go with their hosts")
    func shared() {
        let servers = ServerList(options: ["host": "a,b", "hostaddr": "10.0.0.1,10.0.0.2", "port": "5432"])
        let rest = servers.after(host: "a", port: "5432")
        #expect(rest == ServerList(options: ["host": "b", "hostaddr": "10.0.0.2", "port": "5432"]))
        #expect(ServerList(options: [:]).after(host: "/tmp", port: "5432") == nil)
    }
}
