package import Tasks

/// What the routes call.
package struct APIServices: Sendable {
    package let projects: ProjectStore
    package let sessions: SessionStore
    package let tasks: TaskStore
    package let learningSpaces: LearningSpaceStore
    /// Called after a commit that wrote an event: the relay's nudge. Must return at once.
    package let onEvent: @Sendable () -> Void

    package init(
        projects: ProjectStore,
        sessions: SessionStore,
        tasks: TaskStore,
        learningSpaces: LearningSpaceStore,
        onEvent: @escaping @Sendable () -> Void
    ) {
        self.projects = projects
        self.sessions = sessions
        self.tasks = tasks
        self.learningSpaces = learningSpaces
        self.onEvent = onEvent
    }
}
