package import Foundation
package import Postgres

/// What was learned: files on a disk of Acontext's, under a name.
package struct Skill: Sendable, Hashable {
    package let id: UUID
    package let userID: UUID?
    package let name: String
    package let description: String
    package let diskID: UUID
    /// JSON text of an array: `path` and `mime` of each file.
    package let files: String
    /// JSON text of an object, or `null`.
    package let meta: String
    package let createdAt: PostgresTimestamp
    package let updatedAt: PostgresTimestamp
}

/// The tie that makes a skill one of a learning space's.
package struct LearningSpaceSkill: Sendable, Hashable {
    package let id: UUID
    package let learningSpaceID: UUID
    package let skillID: UUID
    package let createdAt: PostgresTimestamp
}
