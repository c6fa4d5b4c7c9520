import Foundation
import Logging
import Postgres

/// The databases that an Acontext may have made before us, by who was first and by version (contract.md §4).
package enum AcontextDatabase: String, CaseIterable, Sendable {
    case coreRef, coreMain, apiRef, apiMain
    /// The stock deployment: CORE was first, and then the API has made its own of it.
    case bothRef, bothMain

    /// Without `messages.meta`, which CORE does not know.
    package var isCOREsAlone: Bool { self == .coreRef || self == .coreMain }
    /// Of the line that has released versions: with `projects.encryption_enabled`, without `sessions.disable_task_status_change`.
    package var isMain: Bool { self == .coreMain || self == .apiMain || self == .bothMain }

    private var scripts: [String] {
        switch self {
        case .coreRef: ["core-ref"]
        case .coreMain: ["core-main"]
        case .apiRef: ["api-ref"]
        case .apiMain: ["api-main"]
        case .bothRef: ["core-ref", "api-on-core-ref"]
        case .bothMain: ["core-main", "api-on-core-main"]
        }
    }

    /// Lends such a database with some rows in it, as we find it: not migrated.
    package func with<Result>(_ body: (TestDatabase) async throws -> Result) async throws -> Result {
        let folder = URL(filePath: #filePath).appending(path: "../../../Fixtures/acontext").standardized
        return try await withEmptyDatabase { database in
            for script in self.scripts + ["rows"] {
                let file = folder.appending(path: "\(script).sql")
                try await database.script(try String(contentsOf: file, encoding: .utf8))
            }
            return try await body(database)
        }
    }
}

extension TestDatabase {
    /// Does what `skillrelay migrate` does; the names of what was applied.
    @discardableResult
    package func migrate() async throws -> [String] {
        try await TestTemplate.migrator().migrate(self.connection)
    }
}
