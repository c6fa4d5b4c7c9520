import Support
import Testing

@testable import Postgres

@Suite("Migrator on a server")
struct MigratorTests {
    /// A schema of its own with a ledger and steps, dropped afterwards.
    private struct Fixture: Sendable {
        let schema = Server.uniqueName("migrations")
        let lockKey = Int64.random(in: 1...Int64.max)

        var steps: [PostgresMigration] {
            [
                PostgresMigration(
                    name: "m0001_ledger",
                    sql: """
                        CREATE SCHEMA \(self.schema);
                        CREATE TABLE \(self.schema).ledger (
                            name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
                        );
                        """
                ),
                PostgresMigration(name: "m0002_notes", sql: "CREATE TABLE \(self.schema).notes (id int8 PRIMARY KEY)"),
            ]
        }

        func migrator(_ steps: [PostgresMigration]? = nil) -> PostgresMigrator {
            PostgresMigrator(
                migrations: steps ?? self.steps,
                ledger: "\(self.schema).ledger",
                lockKey: self.lockKey,
                logger: Server.logger
            )
        }

        func run(_ body: (Fixture, PostgresConnection) async throws -> Void) async throws {
            try await withConnection { connection in
                do {
                    try await body(self, connection)
                } catch {
                    try await self.drop(connection)
                    throw error
                }
                try await self.drop(connection)
            }
        }

        private func drop(_ connection: PostgresConnection) async throws {
            try await connection.script("DROP SCHEMA IF EXISTS \(self.schema) CASCADE")
        }
    }

    @Test("applies all steps in order, then has nothing to do")
    func applies() async throws {
        try await Fixture().run { fixture, connection in
            #expect(try await fixture.migrator().migrate(connection) == ["m0001_ledger", "m0002_notes"])
            #expect(try await fixture.migrator().migrate(connection) == [])
            try await connection.expect(
                "SELECT name || length(checksum) FROM \(fixture.schema).ledger ORDER BY name",
                is: ["m0001_ledger64", "m0002_notes64"]
            )
            let more = fixture.steps + [PostgresMigration(name: "m0003", sql: "DROP TABLE \(fixture.schema).notes")]
            #expect(try await fixture.migrator(more).migrate(connection) == ["m0003"])
        }
    }

    @Test("a dry run tells what it would do, and writes nothing")
    func dryRun() async throws {
        try await Fixture().run { fixture, connection in
            #expect(try await fixture.migrator().migrate(connection, dryRun: true) == ["m0001_ledger", "m0002_notes"])
            try await connection.expect("SELECT to_regnamespace($1) IS NULL", [.text(fixture.schema)], is: [true])
        }
    }

    @Test("four instances at once apply each step once")
    func concurrent() async throws {
        try await Fixture().run { fixture, _ in
            let applied = try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { try await withConnection { try await fixture.migrator().migrate($0) } }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied == ["m0001_ledger", "m0002_notes"])
        }
    }

    @Test("a step that was changed after it had been applied is refused and named")
    func changed() async throws {
        try await Fixture().run { fixture, connection in
            try await fixture.migrator().migrate(connection)
            let changed = [fixture.steps[0], PostgresMigration(name: "m0002_notes", sql: "SELECT 1")]
            let error = await postgresError { try await fixture.migrator(changed).migrate(connection) }
            #expect(error?.code == .migration)
            #expect(error?.description.contains("m0002_notes") == true)
            // The lock is free again.
            let applied = try await withConnection { try await fixture.migrator().migrate($0) }
            #expect(applied == [])
        }
    }

    @Test("a step that fails leaves nothing of itself, and those before it stay")
    func failing() async throws {
        try await Fixture().run { fixture, connection in
            let sql = "CREATE TABLE \(fixture.schema).half (id int8); SELECT 1/0"
            let steps = fixture.steps + [PostgresMigration(name: "m0003_broken", sql: sql)]
            let error = await postgresError { try await fixture.migrator(steps).migrate(connection) }
            #expect(error?.code == .migration)
            #expect(error?.sqlState?.rawValue == "22012")
            #expect(error?.description.contains("m0003_broken") == true)
            try await connection.expect("SELECT to_regclass('\(fixture.schema).half') IS NULL", is: [true])
            try await connection.expect("SELECT count(*) FROM \(fixture.schema).ledger", is: [Int64(2)])
        }
    }

    @Test("a step may take longer than the connection's statements, and a newer database is let be")
    func slowAndNewer() async throws {
        try await Fixture().run { fixture, _ in
            var configuration = try Server.configuration()
            configuration.statementTimeout = .milliseconds(200)
            let slow = fixture.steps + [PostgresMigration(name: "m0003_slow", sql: "SELECT pg_sleep(1.5)")]
            let applied = try await withConnection(configuration) { connection in
                try await fixture.migrator(slow).migrate(connection) + fixture.migrator().migrate(connection)
            }
            #expect(applied == ["m0001_ledger", "m0002_notes", "m0003_slow"])
        }
    }
}
