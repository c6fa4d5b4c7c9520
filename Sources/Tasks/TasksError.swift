/// What a caller of this module asked for and cannot have. Database failures stay `PostgresError`.
package enum TasksError: Error, Hashable, Sendable {
    /// No task with this id in this session and project.
    case taskNotFound
    case sessionNotFound
    /// The session exists in another project than the caller's.
    case sessionOfAnotherProject
    /// A session with the id asked for exists, in any project.
    case sessionExists
    /// No such learning space in the caller's project.
    case learningSpaceNotFound
    /// The session is already learned by a space, this one or another.
    case sessionAlreadyLearned
    /// The key was used for another request.
    case idempotencyKeyReused
    /// A request with this key is under way, and did not end while this one could wait.
    case idempotencyKeyInUse
    /// A page cursor that this service did not make.
    case invalidCursor
}
