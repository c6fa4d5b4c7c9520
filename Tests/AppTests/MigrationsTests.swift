import Foundation
import Postgres
import Testing

@testable import App

@Suite("Embedded migrations")
struct MigrationsTests {
    @Test("the binary has exactly the files of sql/migrations, in their order")
    func equalFolder() throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: Repository.file("sql/migrations"),
            includingPropertiesForKeys: nil
        ).sorted { $0.lastPathComponent < $1.lastPathComponent }
        #expect(files.map { $0.deletingPathExtension().lastPathComponent } == Migrations.all.map(\.name))
        for (file, migration) in zip(files, Migrations.all) {
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(migration.sql == text, "\(migration.name)")
        }
    }
}
