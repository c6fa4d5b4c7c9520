import API
import Foundation
import Support
import Testing

@testable import App

@Suite("serve")
struct ServeTests {
    private func environment(
        _ database: TestDatabase,
        _ vhost: TestVhost,
        _ more: [String: String] = [:]
    ) -> [String: String] {
        [
            "DATABASE_URL": database.url, "RABBITMQ_URL": vhost.url, "ROOT_SECRET_PEPPER": "pepper",
            "SKILLRELAY_PORT": "0",
        ].merging(more) { $1 }
    }

    /// Port 9 (discard) of the loopback: nothing listens there.
    private static let noServers = [
        "DATABASE_URL": "postgresql://user:hidden@127.0.0.1:9/none", "RABBITMQ_URL": "amqp://user:hidden@127.0.0.1:9",
        "ROOT_SECRET_PEPPER": "hidden", "SKILLRELAY_PORT": "0",
    ]

    @Test(
        "SIGTERM and SIGINT end it with 0 within 10 seconds, with and without servers",
        .timeLimit(.minutes(2)),
        arguments: [(SIGTERM, true), (SIGINT, true), (SIGTERM, false)]
    )
    func stops(number: Int32, withServers: Bool) async throws {
        try await withTestServers { database, vhost in
            let environment = withServers ? self.environment(database, vhost) : Self.noServers
            try await withService(environment: environment) { process in
                _ = try await process.port()
                process.signal(number)
                let exit = try await process.exit(within: .seconds(10))
                #expect(exit == .exited(0))
                #expect(!process.log.contains("hidden"))
            }
        }
    }

    @Test(
        "without servers it starts, answers /health, and says 503 to what needs the database", .timeLimit(.minutes(2)))
    func noServers() async throws {
        try await withService(environment: Self.noServers) { process in
            let probe = HTTPProbe(port: try await process.port())
            #expect(try await probe.send("GET", "/health").status == 200)
            let answer = try await probe.send("GET", "/api/v1/ping", headers: ["authorization": "Bearer sk-ac-x"])
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] != nil)
        }
    }

    @Test("a port that is taken ends it with 1 and a line that names the address", .timeLimit(.minutes(2)))
    func portTaken() async throws {
        try await withService(environment: Self.noServers) { process in
            let port = try await process.port()
            let environment = Self.noServers.merging(["SKILLRELAY_PORT": "\(port)"]) { $1 }
            try await withService(environment: environment) { second in
                let exit = try await second.exit()
                #expect(exit == .exited(1))
                let last = second.log.split(separator: "\n").last ?? ""
                #expect(last.hasPrefix("skillrelay: cannot serve HTTP on 127.0.0.1:\(port): "))
            }
        }
    }

    @Test("the line that says where it listens has address and port in both formats", .timeLimit(.minutes(2)))
    func listeningLine() async throws {
        try await withService(environment: Self.noServers) { process in
            let port = try await process.port()
            #expect(process.log.contains("notice skillrelay: listening address=127.0.0.1:\(port) port=\(port)\n"))
        }
        let json = Self.noServers.merging(["SKILLRELAY_LOG_FORMAT": "json"]) { $1 }
        try await withService(environment: json) { process in
            try await eventually("it listens") { process.log.contains(#""message":"listening""#) }
            let line = try #require(process.log.split(separator: "\n").first { $0.contains(#""message":"listening""#) })
            let record = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
            #expect(record["address"] == "127.0.0.1:\(try #require(record["port"]))")
            #expect(record["level"] == "notice")
        }
    }

    @Test("ROOT_API_BEARER_TOKEN opens the default project, in both forms", .timeLimit(.minutes(2)))
    func defaultProject() async throws {
        // The second is upstream's public default, of the form that carries its lookup secret within (contract.md §3.1).
        let wrapped = "AaGyw9Tl9qe4ydDh8qO0xdZNkrobQvwHWFRsnp5a3QtfbaDSDJQeRHxXPr4bGpc0g130EqBSjRNF"
        try await withTestServers { database, vhost in
            for token in ["your-root-api-bearer-token", wrapped] {
                let environment = self.environment(database, vhost, ["ROOT_API_BEARER_TOKEN": token])
                try await withService(environment: environment) { process in
                    let probe = HTTPProbe(
                        port: try await process.port(),
                        headers: ["authorization": "Bearer sk-ac-\(token)"]
                    )
                    try await eventually("the token is known") {
                        try await probe.send("GET", "/api/v1/ping").status == 200
                    }
                }
            }
            let hashes = try await database.values("SELECT secret_key_hmac FROM public.projects", as: String.self)
            #expect(hashes == [SecretHasher(pepper: "pepper").hmac("a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6")])
        }
    }

    @Test(
        "a database that was never migrated is reported once, and migrating it later is enough", .timeLimit(.minutes(2))
    )
    func unmigrated() async throws {
        try await withTestServers { database, vhost in
            try await database.script(
                "DROP SCHEMA skillrelay CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"
            )
            let environment = self.environment(database, vhost, ["ROOT_API_BEARER_TOKEN": "token"])
            try await withService(environment: environment) { process in
                let probe = HTTPProbe(
                    port: try await process.port(),
                    headers: ["authorization": "Bearer sk-ac-token"]
                )
                try await eventually("it says what to do") { process.log.contains("run skillrelay migrate") }
                #expect(try await probe.send("GET", "/api/v1/ping").status >= 500)
                try await withService(["migrate"], environment: environment) { migrate in
                    let exit = try await migrate.exit()
                    #expect(exit == .exited(0))
                }
                try await eventually("the token is known") {
                    try await probe.send("GET", "/api/v1/ping").status == 200
                }
                #expect(process.log.matches(of: /run skillrelay migrate/).count == 1)
            }
        }
    }

    @Test("role relay serves monitors and nothing else", .timeLimit(.minutes(2)))
    func relayRole() async throws {
        try await withTestServers { database, vhost in
            let environment = self.environment(database, vhost, ["SKILLRELAY_ROLE": "relay"])
            try await withService(environment: environment) { process in
                let probe = HTTPProbe(port: try await process.port())
                #expect(try await probe.send("GET", "/health").status == 200)
                #expect(try await probe.send("GET", "/api/v1/ping").status == 404)
            }
        }
    }
}
