package import Foundation
package import Postgres

/// Where the skills learned from its sessions are kept.
package struct LearningSpace: Sendable, Hashable {
    package let id: UUID
    package let userID: UUID?
    /// JSON text of an object, or `null`.
    package let meta: String
    package let createdAt: PostgresTimestamp
    package let updatedAt: PostgresTimestamp
}

/// The tie that makes a session's finished tasks be learned from.
package struct LearningSpaceSession: Sendable, Hashable {
    package let id: UUID
    package let learningSpaceID: UUID
    package let sessionID: UUID
    /// A word of CORE's; only `pending`, at the start, is ours.
    package let status: String
    package let createdAt: PostgresTimestamp
    package let updatedAt: PostgresTimestamp
}

/// What a call to learn from a session has made.
package struct LearningStart: Sendable {
    package let tie: LearningSpaceSession
    /// Events for tasks that were finished already.
    package let eventCount: Int
}
