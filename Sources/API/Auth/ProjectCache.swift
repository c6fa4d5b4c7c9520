import Synchronization
import Tasks

/// Remembers for a moment whose token a header holds, so that not every request costs a query.
///
/// Nothing is remembered of tokens that are wrong: a new project's works at once.
final class ProjectCache: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// How long a token works at most after it was revoked.
    static let lifetime: Duration = .seconds(3)
    /// From this age on one request at a time asks anew, ahead of the others: at the end of its life a busy project
    /// would send them all.
    static let refreshAge: Duration = .seconds(2)
    /// How long the one has for it, before another tries.
    static let refreshPatience: Duration = .milliseconds(500)

    private struct Entry {
        let project: Project
        let end: Instant
        var refresh: Instant
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let capacity: Int

    /// `capacity` is of tokens in use within `lifetime`; beyond it everything is forgotten and asked anew.
    init(capacity: Int = 4096) {
        self.capacity = capacity
    }

    /// The project, if it was found less than `lifetime` ago; nil also for the one who is to ask anew.
    func project(authorization: String, at now: Instant = .now) -> Project? {
        self.entries.withLock { entries in
            guard let index = entries.index(forKey: authorization) else { return nil }
            let entry = entries.values[index]
            guard now < entry.end else { return nil }
            guard now < entry.refresh else {
                entries.values[index].refresh = now + Self.refreshPatience
                return nil
            }
            return entry.project
        }
    }

    /// The token is no project's any more.
    func forget(authorization: String) {
        self.entries.withLock { _ = $0.removeValue(forKey: authorization) }
    }

    /// `lookupBegin` is when the database was asked, since what it said may be no younger.
    func remember(_ project: Project, authorization: String, since lookupBegin: Instant) {
        let entry = Entry(
            project: project, end: lookupBegin + Self.lifetime, refresh: lookupBegin + Self.refreshAge
        )
        self.entries.withLock { entries in
            if entries[authorization] == nil, entries.count >= self.capacity { entries.removeAll() }
            entries[authorization] = entry
        }
    }
}
