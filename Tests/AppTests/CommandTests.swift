import API
import Foundation
import Postgres
import Support
import Testing

@testable import App

/// Runs the program with these arguments and variables to its end.
private func run(
    _ arguments: [String],
    _ environment: [String: String] = [:]
) async throws -> (exit: ServiceProcess.Exit, output: String, log: String) {
    try await withService(arguments, environment: environment) { process in
        let exit = try await process.exit(within: .seconds(60))
        return (exit, process.output, process.log)
    }
}

@Suite("Commands")
struct CommandTests {
    @Test("version prints one line and needs nothing")
    func version() async throws {
        let result = try await run(["version"])
        #expect(result.exit == .exited(0))
        #expect(result.output == "\(App.version)\n")
        #expect(result.log.isEmpty)
    }

    @Test("the description of the API is of this version")
    func described() throws {
        let document = try String(contentsOf: Repository.file("Sources/Assets/Resources/openapi.json"), encoding: .utf8)
        #expect(document.contains("\"version\": \"\(App.version)\""))
    }

    @Test(
        "--help ends with 0 and shows an example",
        arguments: [
            ["serve"], ["migrate"], ["project"], ["project", "create"], ["outbox"], ["outbox", "verify"],
            ["outbox", "stats"], ["outbox", "list"], ["outbox", "show"], ["outbox", "replay"],
            ["outbox", "retry"], ["outbox", "replays"], ["outbox", "cancel"], ["outbox", "discard"],
            ["outbox", "purge"],
            ["outbox", "pause"], ["outbox", "resume"], ["outbox", "actions"], ["consume"], ["version"],
        ]
    )
    func help(command: [String]) async throws {
        let result = try await run(command + ["--help"])
        #expect(result.exit == .exited(0))
        #expect(result.output.contains("Example: "))
    }

    @Test(
        "a command line that cannot be understood ends with 64",
        arguments: [
            ["nonsense"], ["migrate", "--nonsense"], ["consume", "--limit", "0"], ["consume", "--limit", "x"],
            ["outbox", "verify", "--tap", "q"], ["outbox", "verify", "--since", "yesterday"],
        ]
    )
    func usage(arguments: [String]) async throws {
        let result = try await run(arguments)
        #expect(result.exit == .exited(64))
        #expect(result.output.isEmpty)
        #expect(!result.log.isEmpty)
    }

    @Test(
        "a bad setting ends with 78 and one line that names it",
        arguments: [
            (["migrate"], [:], "DATABASE_URL: missing"),
            (["migrate"], ["DATABASE_URL": "postgresql://u:hidden@[::1/x"], "DATABASE_URL: the connection string"),
            (["migrate"], ["SKILLRELAY_LOG_LEVEL": "loud"], "SKILLRELAY_LOG_LEVEL: \"loud\""),
            (
                ["project", "create"], ["DATABASE_URL": "postgresql://u:hidden@127.0.0.1/x"],
                "ROOT_SECRET_PEPPER: missing"
            ),
            (["consume"], [:], "RABBITMQ_URL: missing"),
            (["consume"], ["RABBITMQ_URL": "http://u:hidden@127.0.0.1"], "RABBITMQ_URL: broker URL: must begin with"),
            (["serve"], ["SKILLRELAY_PORT": "http"], "SKILLRELAY_PORT: \"http\" is not"),
            (["serve"], ["SKILLRELAY_CONFIG": "/nowhere.yaml"], "SKILLRELAY_CONFIG: \"/nowhere.yaml\" cannot be read"),
        ] as [([String], [String: String], String)]
    )
    func badSetting(arguments: [String], environment: [String: String], report: String) async throws {
        let result = try await run(arguments, environment)
        #expect(result.exit == .exited(78))
        #expect(result.output.isEmpty)
        #expect(result.log.hasPrefix("skillrelay: \(report)"))
        #expect(result.log.split(separator: "\n").count == 1)
        #expect(!result.log.contains("hidden"))
    }

    @Test(
        "a server that cannot be reached ends with 69, and no secret is shown",
        .timeLimit(.minutes(2)),
        arguments: [["migrate"], ["project", "create"], ["consume", "--limit", "1"]]
    )
    func unreachable(arguments: [String]) async throws {
        let result = try await run(
            arguments,
            [
                // Port 9 (discard) of the loopback: nothing listens there.
                "DATABASE_URL": "postgresql://user:hidden@127.0.0.1:9/none",
                "RABBITMQ_URL": "amqp://user:hidden@127.0.0.1:9",
                "ROOT_SECRET_PEPPER": "hidden",
            ]
        )
        #expect(result.exit == .exited(69))
        #expect(result.output.isEmpty)
        #expect(result.log.contains("cannot be reached"))
        #expect(!result.log.contains("hidden"))
    }
}

@Suite("Commands on a database")
struct DatabaseCommandTests {
    /// A database as it is before the first `migrate`.
    private func withEmptyDatabase<R>(_ body: (TestDatabase) async throws -> R) async throws -> R {
        try await withTestDatabase { database in
            try await database.script(
                "DROP SCHEMA skillrelay CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"
            )
            return try await body(database)
        }
    }

    private func tableCount(_ database: TestDatabase) async throws -> Int64 {
        try await database.value(
            "SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'skillrelay')",
            as: Int64.self
        )
    }

    private var names: [String] { Migrations.all.map(\.name) }

    @Test("migrate --dry-run prints what is missing and writes nothing", .timeLimit(.minutes(2)))
    func dryRun() async throws {
        try await self.withEmptyDatabase { database in
            let result = try await run(["migrate", "--dry-run"], ["DATABASE_URL": database.url])
            #expect(result.exit == .exited(0))
            #expect(result.output == self.names.map { "would apply \($0)\n" }.joined())
            #expect(try await self.tableCount(database) == 0)
        }
    }

    @Test("migrate prints what it applied; the second time there is nothing to do", .timeLimit(.minutes(2)))
    func migrateTwice() async throws {
        try await self.withEmptyDatabase { database in
            let first = try await run(["migrate"], ["DATABASE_URL": database.url])
            #expect(first.exit == .exited(0))
            #expect(first.output == self.names.map { "applied \($0)\n" }.joined())
            let second = try await run(["migrate"], ["DATABASE_URL": database.url])
            #expect(second.exit == .exited(0))
            #expect(second.output == "nothing to do\n")
            let third = try await run(["migrate", "--json"], ["DATABASE_URL": database.url])
            #expect(third.output == #"{"dry_run":false,"migrations":[]}"# + "\n")
        }
    }

    @Test("of two migrates at once each migration is applied by one, and both end well", .timeLimit(.minutes(2)))
    func migrateAtOnce() async throws {
        try await self.withEmptyDatabase { database in
            let environment = ["DATABASE_URL": database.url]
            async let one = run(["migrate"], environment)
            async let other = run(["migrate"], environment)
            let results = try await [one, other]
            #expect(results.allSatisfy { $0.exit == .exited(0) })
            let applied = results.flatMap { $0.output.split(separator: "\n") }.filter { $0 != "nothing to do" }
            #expect(applied.sorted() == self.names.map { "applied \($0)" })
        }
    }

    @Test("project create prints a token whose hashes are the stored ones", .timeLimit(.minutes(2)))
    func projectCreate() async throws {
        struct NewProject: Decodable {
            let project_id: UUID
            let token: String
        }
        try await withTestDatabase { database in
            let result = try await run(
                ["project", "create", "--json"],
                ["DATABASE_URL": database.url, "ROOT_SECRET_PEPPER": "pepper"]
            )
            #expect(result.exit == .exited(0))
            let project = try JSONDecoder().decode(NewProject.self, from: Data(result.output.utf8))
            #expect(!result.log.contains(project.token))
            let stored = try await database.values(
                "SELECT secret_key_hmac || ' ' || secret_key_hash_phc FROM public.projects WHERE id = $1",
                [.uuid(project.project_id)],
                as: String.self
            )
            let hashes = try #require(stored.first).split(separator: " ").map(String.init)
            let secret = try #require(BearerToken(project.token, prefix: "sk-ac-")).lookupSecret
            let hasher = SecretHasher(pepper: "pepper")
            #expect(hashes[0] == hasher.hmac(secret))
            #expect(hasher.verify(secret, phc: hashes[1]))
        }
    }

    @Test("project create without --json prints id and token, too", .timeLimit(.minutes(2)))
    func projectCreateText() async throws {
        try await withTestDatabase { database in
            let result = try await run(
                ["project", "create"],
                ["DATABASE_URL": database.url, "ROOT_SECRET_PEPPER": "pepper"]
            )
            #expect(result.output.wholeMatch(of: /project_id: [0-9a-f-]{36}\ntoken: sk-ac-[\w-]{43}\n/) != nil)
        }
    }

    @Test("project create on a database that was never migrated says what to do", .timeLimit(.minutes(2)))
    func projectCreateUnmigrated() async throws {
        try await self.withEmptyDatabase { database in
            let result = try await run(
                ["project", "create"],
                ["DATABASE_URL": database.url, "ROOT_SECRET_PEPPER": "pepper"]
            )
            #expect(result.exit == .exited(1))
            #expect(result.log.contains("run skillrelay migrate"))
        }
    }
}
