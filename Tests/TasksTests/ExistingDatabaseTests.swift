import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("A database that Acontext made", .timeLimit(.minutes(1)))
struct ExistingDatabaseTests {
    /// Every column, index, constraint and trigger of these tables, and every row.
    private static func shape(of database: TestDatabase, _ tables: [String]) async throws -> [String] {
        let names = tables.map { "'\($0)'" }.joined(separator: ", ")
        let schema: [String] = try await database.values(
            """
            SELECT concat_ws(' ', table_name, column_name, ordinal_position, data_type, character_maximum_length, is_nullable,
                column_default)
            FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN (\(names))
            UNION ALL
            SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN (\(names))
            UNION ALL
            SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE conrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname IN (\(names)))
            UNION ALL
            SELECT concat_ws(' ', tgrelid::regclass, tgname) FROM pg_trigger
            WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
            ORDER BY 1
            """)
        var rows: [String] = []
        for table in tables {
            rows += try await database.values(
                "SELECT concat('\(table) ', (to_jsonb(t) - 'disable_task_status_change')::text) FROM public.\(table) AS t ORDER BY 1"
            )
        }
        return schema + rows
    }

    private static func tables(of database: TestDatabase) async throws -> [String] {
        try await database.values("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    }

    @Test(
        "migrating adds one column to it, if that is missing, and alters nothing else",
        arguments: AcontextDatabase.allCases)
    func migrate(kind: AcontextDatabase) async throws {
        try await kind.with { database in
            let tables = try await Self.tables(of: database)
            let before = try await Self.shape(of: database, tables)
            #expect(before.count > 100)
            #expect(try await database.migrate().count > 8)
            #expect(try await database.migrate().isEmpty)
            let after = try await Self.shape(of: database, tables)
            let column = after.filter { $0.hasPrefix("sessions disable_task_status_change ") }
            #expect(column.count == 1 && column[0].contains("boolean NO false"))
            let added = Set(after).subtracting(before)
            #expect(added == (kind.isMain ? Set(column) : []))
            #expect(Set(before).subtracting(after).isEmpty)
            // CORE does not know it; whoever stores messages needs it.
            let new = Set(try await Self.tables(of: database)).subtracting(tables)
            #expect(new == (kind.isCOREsAlone ? ["asset_references"] : []))
        }
    }

    @Test(
        "projects are found by their hash, and those with encryption at rest known",
        arguments: AcontextDatabase.allCases)
    func projects(kind: AcontextDatabase) async throws {
        try await kind.with { database in
            try await database.migrate()
            try await withFixture(on: database) { fixture in
                let found = try #require(
                    try await fixture.projects.find(secretKeyHMAC: String(repeating: "a", count: 64)))
                #expect(!found.isEncrypted)
                guard kind.isMain else { return }
                try await database.script("UPDATE public.projects SET encryption_enabled = true")
                let again = try await fixture.projects.find(secretKeyHMAC: String(repeating: "a", count: 64))
                #expect(again?.isEncrypted == true)
            }
        }
    }

    @Test("a session that several spaces learn, as main's index lets them, writes one event a change")
    func severalSpaces() async throws {
        try await AcontextDatabase.apiMain.with { database in
            try await database.migrate()
            try await withFixture(on: database) { fixture in
                let session = try await fixture.session(learning: true)
                try await database.script(
                    """
                    INSERT INTO public.learning_space_sessions (learning_space_id, session_id)
                    SELECT learning_space_id, session_id FROM public.learning_space_sessions WHERE session_id = '\(session)'
                    """)
                let task = try await fixture.task(in: session)
                _ = try await fixture.tasks.setStatus(.success, task: task, session: session, project: fixture.project)
                    .perform()
                #expect(try await fixture.events().count == 1)
            }
        }
    }
}
