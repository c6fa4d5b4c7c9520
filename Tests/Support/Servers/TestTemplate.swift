import Foundation
import Postgres

/// The migrated database that each test's own is a copy of: copying takes a tenth of the time of migrating.
///
/// It is named after what the migrations say, so one server needs one per state of `sql/migrations`, whoever runs tests on it.
actor TestTemplate {
    static let shared = TestTemplate()

    /// By server.
    private var made: [String: Task<String, any Error>] = [:]

    /// The template's name; the first caller makes it.
    var name: String {
        get async throws {
            // Unstructured, because all tests wait for the same work, and the first one's end must not cancel it.
            let server = try TestEnvironment.databaseURL
            let made = self.made[server] ?? Task { try await Self.make() }
            self.made[server] = made
            return try await made.value
        }
    }

    private static func make() async throws -> String {
        let migrations = try Self.migrations()
        let name = "template_\(Self.fingerprint(of: migrations))"
        try await withAdministrator { administrator in
            // Other test processes may be at it. Held until this connection closes.
            let lock = PostgresStatement("lockTemplates", "SELECT pg_advisory_lock(hashtext('test template'))::text")
            let find = PostgresStatement("findTemplate", "SELECT 1 FROM pg_database WHERE datname = $1")
            let found = try await administrator.perform { session in
                try session.execute(lock)
                return try session.query(find, [.text(name)]) { row in try row.decode(Int32.self) }
            }
            guard found.isEmpty else { return }
            // Under another name until it is whole: a run that dies half way leaves no half template.
            let draft = "\(name)_draft"
            try await administrator.changeDatabases("DROP DATABASE IF EXISTS \"\(draft)\" WITH (FORCE)")
            try await administrator.changeDatabases("CREATE DATABASE \"\(draft)\"")
            try await withTestConnection(to: TestURL(TestEnvironment.databaseURL).path(draft)) { connection in
                _ = try await Self.migrator().migrate(connection)
            }
            try await administrator.changeDatabases("ALTER DATABASE \"\(draft)\" RENAME TO \"\(name)\"")
        }
        return name
    }

    static func migrator() throws -> PostgresMigrator {
        PostgresMigrator(
            migrations: try Self.migrations(), ledger: "skillrelay.schema_migrations", lockKey: 1, logger: .tests
        )
    }

    /// `sql/migrations/*.sql` of this very source tree, in the order of their names.
    private static func migrations() throws -> [PostgresMigration] {
        let folder = URL(filePath: #filePath).appending(path: "../../../../sql/migrations").standardized
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "sql" }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { file in
                PostgresMigration(
                    name: file.deletingPathExtension().lastPathComponent,
                    sql: try String(contentsOf: file, encoding: .utf8)
                )
            }
    }

    /// FNV-1a over names and texts.
    private static func fingerprint(of migrations: [PostgresMigration]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in migrations.flatMap({ "\($0.name)\n\($0.sql)\n".utf8 }) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return String(hash, radix: 16)
    }
}
