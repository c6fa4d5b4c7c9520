package import Foundation
package import Postgres
import Synchronization

/// Has the messages of a session made into tasks at once, when a client asks for it.
package final class SessionFlush: Sendable {
    /// More at one time are refused: each may take minutes, and a connection of its client's.
    package static let most = 64

    /// Who does it.
    package enum Extractor: Sendable {
        case core(CoreClient)
        case builtIn(TaskExtractor)
    }

    private let pool: PostgresPool
    private let extractor: Extractor
    private let underWay = Atomic(0)

    package init(pool: PostgresPool, extractor: Extractor) {
        self.pool = pool
        self.extractor = extractor
    }

    /// - Throws: `TasksError.sessionNotFound`, `TasksError.sessionOfAnotherProject`, `TasksError.tooManyFlushes`, `TasksError.flushFailed`;
    ///   what reading messages throws; `PostgresError`, `CancellationError`.
    package func flush(session: UUID, project: UUID) async throws -> FlushResult {
        defer { self.underWay.subtract(1, ordering: .relaxed) }
        guard self.underWay.add(1, ordering: .relaxed).newValue <= Self.most else { throw TasksError.tooManyFlushes }
        switch self.extractor {
        case .core(let core):
            try await self.pool.attempt { database, _ in
                try SessionOwnership.require(session: session, project: project, in: database)
            }
            return try await core.flush(session: session, project: project)
        case .builtIn(let extractor):
            try await extractor.flush(session: session, project: project)
            return FlushResult(status: 200, message: "")
        }
    }
}
