package import Tasks

/// What the routes call.
package struct APIServices: Sendable {
    package let projects: ProjectStore
    package let sessions: SessionStore
    package let tasks: TaskStore
    package let learningSpaces: LearningSpaceStore

    package init(
        projects: ProjectStore,
        sessions: SessionStore,
        tasks: TaskStore,
        learningSpaces: LearningSpaceStore
    ) {
        self.projects = projects
        self.sessions = sessions
        self.tasks = tasks
        self.learningSpaces = learningSpaces
    }
}
