package import Foundation

/// A tenant: the owner of sessions, tasks and learning spaces, known by its bearer token.
package struct Project: Sendable, Hashable {
    package let id: UUID
    /// The Argon2 hash, in PHC string format, of the token's secret.
    package let secretKeyHashPHC: String
    /// True on an Acontext with encryption at rest: its learning needs a key that must not be persisted in an outbox row.
    package let isEncrypted: Bool
}
