import Synchronization
import Tasks

/// Remembers for a moment whose token has which lookup hash, so that not every request costs a query.
///
/// Nothing is remembered of tokens that are wrong: a new project's works at once.
final class ProjectCache: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// How long a token works at most after it was revoked.
    static let lifetime: Duration = .seconds(3)
    /// Projects in use within that time; beyond it everything is forgotten and asked anew.
    private static let capacity = 4096

    private struct Entry {
        let project: Project
        let end: Instant
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// The project, if it was found less than `lifetime` ago.
    func project(hmac: String, at now: Instant = .now) -> Project? {
        self.entries.withLock { entries in
            guard let entry = entries[hmac], now < entry.end else { return nil }
            return entry.project
        }
    }

    /// `lookupBegin` is when the database was asked, since what it said may be no younger.
    func remember(_ project: Project, hmac: String, since lookupBegin: Instant) {
        self.entries.withLock { entries in
            if entries.count >= Self.capacity { entries.removeAll() }
            entries[hmac] = Entry(project: project, end: lookupBegin + Self.lifetime)
        }
    }
}
