package import Tasks

/// What the routes call.
package struct APIServices: Sendable {
    package let projects: ProjectStore
    package let sessions: SessionStore
    package let messages: MessageStore
    package let geminiCalls: GeminiCallStore
    package let tasks: TaskStore
    package let flushes: SessionFlush
    package let learningSpaces: LearningSpaceStore
    package let skills: SkillStore
    package let users: UserStore
    package let idempotencyKeys: IdempotencyKeyStore

    package init(
        projects: ProjectStore,
        sessions: SessionStore,
        messages: MessageStore,
        geminiCalls: GeminiCallStore,
        tasks: TaskStore,
        flushes: SessionFlush,
        learningSpaces: LearningSpaceStore,
        skills: SkillStore,
        users: UserStore,
        idempotencyKeys: IdempotencyKeyStore
    ) {
        self.projects = projects
        self.sessions = sessions
        self.messages = messages
        self.geminiCalls = geminiCalls
        self.tasks = tasks
        self.flushes = flushes
        self.learningSpaces = learningSpaces
        self.skills = skills
        self.users = users
        self.idempotencyKeys = idempotencyKeys
    }
}
