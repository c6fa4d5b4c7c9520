import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("The status transaction, on a real database", .timeLimit(.minutes(1)))
struct StatusTransactionTests {
    @Test(
        "a finished task in a learning session writes its status and one event with the exact body",
        arguments: [TaskStatus.success, .failed])
    func triggers(status: TaskStatus) async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            let change = try await fixture.tasks.setStatus(
                status, task: task, session: session, project: fixture.project, headers: ["traceparent": "00-a-b-01"]
            ).perform()
            #expect(change.task.status == status.rawValue)
            #expect(change.event != nil)
            let body = """
                {"project_id":"\(fixture.project.lowercased)","session_id":"\(session.lowercased)","task_id":"\(task.lowercased)"}
                """
            #expect(try await fixture.events() == [body])
            let event = try await fixture.database.value(
                "SELECT concat_ws(' ', id, exchange, routing_key, type, headers) FROM skillrelay.outbox",
                as: String.self
            )
            let id = try #require(change.event).lowercased
            #expect(
                event == #"\#(id) learning.skill learning.skill.distill SkillLearnTask {"traceparent": "00-a-b-01"}"#)
        }
    }

    @Test("running and pending write no event", arguments: [TaskStatus.running, .pending])
    func others(status: TaskStatus) async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            let change = try await fixture.tasks.setStatus(
                status, task: task, session: session, project: fixture.project
            ).perform()
            #expect(change.task.status == status.rawValue)
            #expect(change.event == nil)
            #expect(try await fixture.events().isEmpty)
        }
    }

    @Test("without a learning space the status changes and no event is written")
    func noSpace() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let task = try await fixture.task(in: session)
            let change = try await fixture.tasks.setStatus(
                .success, task: task, session: session, project: fixture.project
            ).perform()
            #expect(change.task.status == "success")
            #expect(try await fixture.events().isEmpty)
        }
    }

    @Test("the same call twice is two events")
    func twice() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            let first = try await fixture.tasks.setStatus(
                .success, task: task, session: session, project: fixture.project
            ).perform()
            let second = try await fixture.tasks.setStatus(
                .success, task: task, session: session, project: fixture.project
            ).perform()
            #expect(first.event != second.event)
            #expect(try await fixture.events().count == 2)
        }
    }

    @Test("task, session and project are compared together: anything else is not found and changes nothing")
    func notFound() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let elsewhere = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            let stranger = try await fixture.anotherProject()
            for (task, session, project) in [
                (UUID(), session, fixture.project), (task, elsewhere, fixture.project), (task, session, stranger),
            ] {
                await #expect(throws: TasksError.taskNotFound) {
                    try await fixture.tasks.setStatus(.success, task: task, session: session, project: project)
                        .perform()
                }
            }
            #expect(try await fixture.events().isEmpty)
            #expect(try await fixture.database.values("SELECT DISTINCT status FROM tasks") == ["pending"])
        }
    }

    @Test("only status and updated_at are written: what CORE keeps in data stays")
    func onlyStatus() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let task = try await fixture.task(in: session)
            let data = #"{"later": {"x": 1}, "progresses": [], "task_description": "work"}"#
            try await fixture.database.script("UPDATE tasks SET data = '\(data)'")
            let before = try await fixture.database.value(
                "SELECT to_jsonb(t) - 'status' - 'updated_at' FROM tasks AS t", as: String.self)
            let change = try await fixture.tasks.setStatus(
                .failed, task: task, session: session, project: fixture.project
            ).perform()
            let after = try await fixture.database.value(
                "SELECT to_jsonb(t) - 'status' - 'updated_at' FROM tasks AS t", as: String.self)
            #expect(before == after)
            #expect(change.task.data == #"{"task_description": "work"}"#)
            #expect(change.task.updatedAt > change.task.createdAt)
        }
    }

    @Test("all or nothing: when the event cannot be written the status stays")
    func atomic() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            try await fixture.database.script(
                "ALTER TABLE skillrelay.outbox_pending ADD CONSTRAINT none CHECK (false) NOT VALID")
            await #expect(throws: PostgresError.self) {
                try await fixture.tasks.setStatus(.success, task: task, session: session, project: fixture.project)
                    .perform()
            }
            #expect(try await fixture.database.value("SELECT status FROM tasks") == "pending")
            #expect(try await fixture.database.value("SELECT count(*) FROM skillrelay.outbox", as: Int.self) == 0)
        }
    }

    @Test("a session that several spaces learn from, as some Acontext databases hold, triggers once")
    func severalSpaces() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            try await fixture.database.script(
                """
                ALTER TABLE learning_space_sessions DROP CONSTRAINT learning_space_sessions_session_id_key;
                INSERT INTO learning_space_sessions (learning_space_id, session_id)
                SELECT learning_space_id, session_id FROM learning_space_sessions
                """
            )
            _ = try await fixture.tasks.setStatus(.success, task: task, session: session, project: fixture.project)
                .perform()
            #expect(try await fixture.events().count == 1)
        }
    }
}
