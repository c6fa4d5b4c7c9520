import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("Users, on a real database", .timeLimit(.minutes(1)))
struct UserStoreTests {
    @Test("deleting a user takes its sessions, spaces, disks and skills, and nothing of anybody else's")
    func delete() async throws {
        try await withFixture { fixture in
            let stranger = try await fixture.anotherProject()
            for (project, user) in [(fixture.project, "ann"), (fixture.project, "bob"), (stranger, "ann")] {
                let session = try await fixture.session(project: project, user: user)
                _ = try await fixture.task(in: session, project: project)
                let space = try await fixture.spaces.create(project: project, user: user, meta: nil).perform()
                _ = try await fixture.spaces.learn(space: space.id, session: session, project: project).perform()
                try await fixture.database.script(
                    """
                    WITH owner AS (SELECT * FROM public.users WHERE project_id = '\(project)' AND identifier = '\(user)'),
                        disk AS (INSERT INTO public.disks (project_id, user_id) SELECT project_id, id FROM owner RETURNING *)
                    INSERT INTO public.agent_skills (project_id, user_id, name, disk_id) SELECT project_id, user_id, 's', id FROM disk
                    """
                )
            }
            let resources = try await fixture.users.resources(of: "ann", project: fixture.project)
            #expect(resources == UserResources(sessionCount: 1, diskCount: 1, skillCount: 1))
            for _ in 0..<2 { try await fixture.users.delete("ann", project: fixture.project).perform() }
            for table in [
                "users", "sessions", "tasks", "learning_spaces", "learning_space_sessions", "disks", "agent_skills",
            ] {
                #expect(try await fixture.database.value("SELECT count(*) FROM public.\(table)") == 2, "\(table)")
            }
            await #expect(throws: TasksError.userNotFound) {
                try await fixture.users.resources(of: "ann", project: fixture.project)
            }
            #expect(try await fixture.users.resources(of: "ann", project: stranger) == resources)
        }
    }

    @Test("a user's sessions go one way, whoever deletes them")
    func deletedTwice() async throws {
        try await withFixture { fixture in
            for round in 0..<5 {
                let user = "user \(round)"
                var sessions: [UUID] = []
                for _ in 0..<6 { sessions.append(try await fixture.session(learning: true, user: user)) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await fixture.users.delete(user, project: fixture.project).perform() }
                    for session in sessions {
                        group.addTask {
                            do {
                                try await fixture.sessions.delete(session, project: fixture.project).perform()
                            } catch TasksError.sessionNotFound {}
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await fixture.database.value("SELECT count(*) FROM public.sessions") == 0)
            #expect(try await fixture.database.value("SELECT count(*) FROM public.users") == 0)
        }
    }
}
