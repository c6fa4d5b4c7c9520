package import Foundation
package import Postgres

/// A conversation of an agent: what tasks and messages belong to.
package struct Session: Sendable, Hashable {
    package let id: UUID
    package let projectID: UUID
    package let userID: UUID?
    package let disablesTaskTracking: Bool
    package let disablesTaskStatusChange: Bool
    /// JSON text of an object, or `null`.
    package let configs: String
    package let createdAt: PostgresTimestamp
    package let updatedAt: PostgresTimestamp
}

/// What a caller may choose of a session to make.
package struct NewSession: Sendable {
    package var projectID: UUID
    /// Nil draws one.
    package var id: UUID?
    /// The user's identifier; nil for none. Unknown users are created.
    package var user: String?
    package var disablesTaskTracking = false
    package var disablesTaskStatusChange = false
    /// JSON text of an object; nil is stored as JSON null, as upstream does.
    package var configs: String?

    package init(projectID: UUID) {
        self.projectID = projectID
    }
}

/// What became of a `NewSession`.
package struct SessionCreation: Sendable, Hashable {
    package let session: Session
    /// False when the project had a session of the id asked for.
    package let isNew: Bool
}
