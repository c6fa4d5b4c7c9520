import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("The stores, on a real database", .timeLimit(.minutes(1)))
struct StoreTests {
    @Test("a task is appended with the next order, also when many are appended at once")
    func append() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = try await fixture.task(in: session) } }
                try await group.waitForAll()
            }
            let orders = try await fixture.database.values(#"SELECT "order" FROM tasks ORDER BY 1"#, as: Int64.self)
            #expect(orders == Array(1...20))
        }
    }

    @Test("an appended task shows its lists, and leaves empty ones out")
    func appendData() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            var new = NewTask(description: #"say "hi" ☃"#)
            new.progresses = ["one", #"two, "quoted" \ {}"#]
            let change = try await fixture.tasks.append(new, session: session, project: fixture.project).perform()
            let data = try JSONDecoder().decode([String: Mixed].self, from: Data(change.task.data.utf8))
            #expect(
                data == [
                    "task_description": .text(#"say "hi" ☃"#), "progresses": .list(["one", #"two, "quoted" \ {}"#]),
                ])
            #expect(change.task.status == "pending")
            #expect(change.task.order == 1)
        }
    }

    private enum Mixed: Decodable, Equatable {
        case text(String)
        case list([String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .list(try container.decode([String].self))
            }
        }
    }

    @Test("a task appended as finished is learned from")
    func appendFinished() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            var new = NewTask(description: "done")
            new.status = .failed
            let change = try await fixture.tasks.append(new, session: session, project: fixture.project).perform()
            #expect(change.event != nil)
            #expect(try await fixture.events().count == 1)
        }
    }

    @Test("tasks and sessions of others are not shown")
    func ownership() async throws {
        try await withFixture { fixture in
            let stranger = try await fixture.anotherProject()
            let theirs = try await fixture.session(project: stranger)
            await #expect(throws: TasksError.sessionOfAnotherProject) {
                try await fixture.tasks.list(session: theirs, project: fixture.project, page: PageRequest())
            }
            await #expect(throws: TasksError.sessionNotFound) {
                try await fixture.tasks.list(session: UUID(), project: fixture.project, page: PageRequest())
            }
            await #expect(throws: TasksError.sessionOfAnotherProject) { _ = try await fixture.task(in: theirs) }
        }
    }

    @Test(
        "pages follow each other without gap or repeat, in both directions, also among equal times",
        arguments: [false, true])
    func paging(newestFirst: Bool) async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            for _ in 0..<7 { _ = try await fixture.task(in: session) }
            try await fixture.database.script(
                """
                UPDATE tasks SET created_at = '2026-02-23 07:42:45.123456+00' WHERE "order" IN (2, 3, 4);
                UPDATE tasks SET is_planning = true WHERE "order" = 7
                """
            )
            var seen: [UUID] = []
            var cursor: PageCursor?
            repeat {
                let page = try await fixture.tasks.list(
                    session: session, project: fixture.project,
                    page: PageRequest(limit: 2, cursor: cursor, newestFirst: newestFirst)
                )
                #expect(page.items.count <= 2)
                seen += page.items.map(\.id)
                cursor = try page.next.map { try PageCursor(text: $0.text) }
            } while cursor != nil
            let order = newestFirst ? "DESC" : "ASC"
            let all = try await fixture.database.values(
                "SELECT id FROM tasks WHERE NOT is_planning ORDER BY created_at \(order), id \(order)", as: UUID.self
            )
            #expect(seen == all)
            #expect(seen.count == 6)
        }
    }

    @Test("the cursor's text is upstream's")
    func cursor() throws {
        let cursor = PageCursor(
            createdAt: PostgresTimestamp(unixMicroseconds: 1_771_832_565_123_456),
            id: try #require(UUID(uuidString: "3fa85f64-5717-4562-b3fc-2c963f66afa6"))
        )
        let text = "MTc3MTgzMjU2NTEyMzQ1NjAwMHwzZmE4NWY2NC01NzE3LTQ1NjItYjNmYy0yYzk2M2Y2NmFmYTY"
        #expect(cursor.text == text)
        #expect(try PageCursor(text: text) == cursor)
    }

    @Test("any other cursor is refused", arguments: ["!", "", "MTIz", "MXwy", "fA", "a+b/", "MTIzfDN8NA=="])
    func badCursor(text: String) {
        #expect(throws: TasksError.invalidCursor) { try PageCursor(text: text) }
    }

    @Test("a user is made once, however many ask at the same time")
    func users() async throws {
        try await withFixture { fixture in
            let owners = try await withThrowingTaskGroup(of: UUID?.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        var new = NewSession(projectID: fixture.project)
                        new.user = "ann"
                        return try await fixture.sessions.create(new).perform().session.userID
                    }
                }
                return try await group.reduce(into: Set<UUID?>()) { $0.insert($1) }
            }
            #expect(owners.count == 1)
            #expect(owners.first != .some(nil))
        }
    }

    @Test(
        "of many calls to learn from one session one wins, with and without upstream's unique key",
        arguments: [true, false])
    func learnOnce(hasKey: Bool) async throws {
        try await withFixture { fixture in
            if !hasKey {
                try await fixture.database.script(
                    "ALTER TABLE learning_space_sessions DROP CONSTRAINT learning_space_sessions_session_id_key"
                )
            }
            let session = try await fixture.session()
            let space = try await fixture.space()
            let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        do {
                            _ = try await fixture.spaces.learn(space: space, session: session, project: fixture.project)
                                .perform()
                            return true
                        } catch TasksError.sessionAlreadyLearned {
                            return false
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wins == 1)
        }
    }

    @Test("the default project is made once, keeps its salt, and takes a new token")
    func defaultProject() async throws {
        try await withFixture { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<4 {
                    group.addTask {
                        try await fixture.projects.ensureDefault(secretKeyHMAC: "root", makePHC: { "phc \(n)" })
                    }
                }
                try await group.waitForAll()
            }
            let first = try #require(try await fixture.projects.find(secretKeyHMAC: "root"))
            try await fixture.projects.ensureDefault(secretKeyHMAC: "root", makePHC: { "another" })
            #expect(try await fixture.projects.find(secretKeyHMAC: "root") == first)
            try await fixture.projects.ensureDefault(secretKeyHMAC: "new", makePHC: { "new phc" })
            #expect(try await fixture.projects.find(secretKeyHMAC: "root") == nil)
            #expect(try await fixture.projects.find(secretKeyHMAC: "new")?.id == first.id)
        }
    }

    @Test("a project under encryption says so, where the database knows of it")
    func encrypted() async throws {
        try await withFixture { fixture in
            #expect(try await fixture.projects.find(secretKeyHMAC: "mine")?.isEncrypted == false)
            try await fixture.database.script(
                "ALTER TABLE projects ADD COLUMN encryption_enabled boolean NOT NULL DEFAULT true")
            #expect(try await fixture.projects.find(secretKeyHMAC: "mine")?.isEncrypted == true)
        }
    }
}
