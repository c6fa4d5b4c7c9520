package import Foundation
package import Postgres

/// A project's own customer, by a name of the project's choice.
package struct User: Sendable, Hashable {
    package let id: UUID
    package let projectID: UUID
    package let identifier: String
    package let createdAt: PostgresTimestamp
    package let updatedAt: PostgresTimestamp
}

/// How much hangs on a user.
package struct UserResources: Sendable, Hashable {
    package let sessionCount: Int64
    package let diskCount: Int64
    package let skillCount: Int64
}
