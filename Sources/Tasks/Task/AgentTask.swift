package import Foundation
package import Postgres

/// A unit of an agent's work, in one of four states.
package struct AgentTask: Sendable, Hashable {
    package let id: UUID
    package let sessionID: UUID
    package let projectID: UUID
    package let order: Int64
    /// JSON text of an object with the keys clients may see: `task_description`, and `progresses`, `user_preferences` unless empty.
    package let data: String
    package let status: String
    package let isPlanning: Bool
    package let createdAt: PostgresTimestamp
    package let updatedAt: PostgresTimestamp
}

/// The states a client may set.
package enum TaskStatus: String, Sendable, CaseIterable {
    case success, failed, running, pending

    /// Whether reaching this state is what skills are learned from.
    package var triggersLearning: Bool {
        switch self {
        case .success, .failed: true
        case .running, .pending: false
        }
    }
}

/// A task reported by a harness of the caller's own.
package struct NewTask: Sendable {
    package var description: String
    package var progresses: [String] = []
    package var userPreferences: [String] = []
    package var status: TaskStatus = .pending

    package init(description: String) {
        self.description = description
    }
}
