/// What a caller of this module asked for and cannot have. Database failures stay `PostgresError`.
package enum TasksError: Error, Hashable, Sendable {
    /// No task with this id in this session and project.
    case taskNotFound
    case sessionNotFound
    /// The session exists in another project than the caller's.
    case sessionOfAnotherProject
    /// No message with this id in this session.
    case messageNotFound
    /// The database was made by CORE alone: its messages have no column for what clients keep with them.
    case messagesWithoutMeta
    /// Parts of the messages asked for are in an object store, and none is configured.
    case partsInObjectStore
    /// The messages asked for are larger than what is read at one time.
    case messagesTooLarge
    /// A message's parts are more than an object may be.
    case messageTooLarge
    /// A file came with the message, and no object store is configured.
    case filesNeedObjectStore
    /// The object store is away, or too busy; nothing was changed.
    case objectStoreUnavailable
    /// A session with the id asked for exists, in any project.
    case sessionExists
    /// No such learning space in the caller's project.
    case learningSpaceNotFound
    /// The session is already learned by a space, this one or another.
    case sessionAlreadyLearned
    /// The space exists, and does not learn this session.
    case learningSpaceSessionNotFound
    /// No such skill in the caller's project.
    case skillNotFound
    case skillAlreadyIncluded
    /// The space has another skill of this name.
    case skillNameTaken(String)
    /// No user with this identifier in the caller's project.
    case userNotFound
    /// The key was used for another request.
    case idempotencyKeyReused
    /// A request with this key is under way, and did not end while this one could wait.
    case idempotencyKeyInUse
    /// CORE could not be asked, or did not do it.
    case flushFailed
    /// As many flushes are under way as may be.
    case tooManyFlushes
    /// A page cursor that this service did not make.
    case invalidCursor
}
