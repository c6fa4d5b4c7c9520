import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("Sessions, on a real database", .timeLimit(.minutes(1)))
struct SessionStoreTests {
    @Test("a session's id is the project's own once it is taken: it gets that session again, another project gets none")
    func chosenID() async throws {
        try await withFixture { fixture in
            var new = NewSession(projectID: fixture.project)
            new.id = UUID()
            new.configs = #"{"n": 12345678901234567890.5}"#
            let first = try await fixture.sessions.create(new).perform()
            #expect(first.isNew && first.session.configs == #"{"n": 12345678901234567890.5}"#)
            new.configs = nil
            new.user = "ann"
            let second = try await fixture.sessions.create(new).perform()
            #expect(!second.isNew && second.session == first.session)
            new.projectID = try await fixture.anotherProject()
            await #expect(throws: TasksError.sessionExists) { try await fixture.sessions.create(new).perform() }
            #expect(try await fixture.database.value("SELECT count(*) FROM public.users") == 0)
        }
    }

    @Test(
        "pages of a project's sessions follow each other without gap or repeat, also among equal times",
        arguments: [false, true])
    func paging(newestFirst: Bool) async throws {
        try await withFixture { fixture in
            _ = try await fixture.session(project: try await fixture.anotherProject())
            for n in 0..<7 { _ = try await fixture.session(user: n.isMultiple(of: 2) ? "ann" : "bob") }
            try await fixture.database.script(
                "UPDATE public.sessions SET created_at = date_trunc('minute', created_at)"
            )
            for user in [nil, "ann"] {
                var seen: [UUID] = []
                var cursor: PageCursor?
                repeat {
                    let page = try await fixture.sessions.list(
                        project: fixture.project, user: user, filter: nil,
                        page: PageRequest(limit: 2, cursor: cursor, newestFirst: newestFirst)
                    )
                    #expect(page.items.count <= 2)
                    seen += page.items.map(\.id)
                    cursor = page.next
                } while cursor != nil
                let order = newestFirst ? "DESC" : "ASC"
                let all: [UUID] = try await fixture.database.values(
                    """
                    SELECT s.id FROM public.sessions AS s JOIN public.users AS u ON u.id = s.user_id
                    WHERE u.identifier = coalesce($1::text, u.identifier)
                    ORDER BY s.created_at \(order), s.id \(order)
                    """,
                    [.optional(user, PostgresValue.text)]
                )
                #expect(seen == all && seen.count == (user == nil ? 7 : 4))
            }
        }
    }

    @Test("a page with a user, and one with a filter, is found by an index, whatever the plan")
    func plan() async throws {
        try await withFixture { fixture in
            let project = fixture.project
            _ = try await fixture.session(user: "ann", configs: #"{"agent": "rare"}"#)
            try await fixture.database.script(
                """
                INSERT INTO public.sessions (project_id, configs)
                SELECT '\(project)', jsonb_build_object('agent', 'a' || n % 10, 'x', repeat('x', 1000)) FROM generate_series(1, 20000) AS n;
                ANALYZE public.sessions
                """
            )
            var ofUser = PageQuery("test", "r.id", from: "public.sessions", project: project)
            ofUser.belong(to: "ann")
            var filtered = PageQuery("test", "r.id", from: "public.sessions", project: project)
            filtered.contain(#"{"agent": "rare"}"#, in: "configs")
            for (number, query) in [ofUser, filtered].enumerated() {
                let (statement, parameters) = query.statement(of: PageRequest())
                let custom: [String] = try await fixture.database.values("EXPLAIN " + statement.sql, parameters)
                let nulls = parameters.map { _ in "NULL" }.joined(separator: ", ")
                try await fixture.database.script(
                    "SET plan_cache_mode = force_generic_plan; PREPARE s\(number) AS \(statement.sql)"
                )
                let generic: [String] = try await fixture.database.values("EXPLAIN EXECUTE s\(number)(\(nulls))")
                for plan in [custom, generic] {
                    #expect(!plan.contains { $0.contains("Seq Scan on sessions") }, "\(plan.joined(separator: "\n"))")
                }
                let found: [UUID] = try await fixture.database.values(statement.sql, parameters)
                #expect(found.count == 1)
            }
        }
    }

    @Test("no patch of configs is lost, however many come at once")
    func patches() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(configs: #"{"old": 1, "gone": {"a": 1}}"#)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<40 {
                    group.addTask {
                        let configs = try await fixture.sessions.patchConfigs(
                            of: session, project: fixture.project, with: #"{"k\#(n)": \#(n), "gone": null}"#
                        ).perform()
                        #expect(configs.contains(#""k\#(n)": \#(n)"#))
                    }
                }
                try await group.waitForAll()
            }
            let keys: Set<String> = Set(
                try await fixture.database.values("SELECT jsonb_object_keys(configs) FROM public.sessions"))
            #expect(keys == Set((0..<40).map { "k\($0)" } + ["old"]))
        }
    }

    @Test(
        "configs that are null, in either way, are patched as if they were empty",
        arguments: ["NULL", "'null'", "'[1]'"])
    func patchNothing(configs: String) async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.script("UPDATE public.sessions SET configs = \(configs)")
            let patch = #"{"a": 1.50, "b": null, "c": {"d": null}}"#
            let patched = try await fixture.sessions.patchConfigs(of: session, project: fixture.project, with: patch)
                .perform()
            #expect(patched == #"{"a": 1.50, "c": {"d": null}}"#)
        }
    }

    @Test("deleting a session takes all that hangs on it and nothing else")
    func delete() async throws {
        try await withFixture { fixture in
            let (session, other) = (
                try await fixture.session(learning: true), try await fixture.session(learning: true)
            )
            for session in [session, other] {
                let task = try await fixture.task(in: session)
                try await fixture.database.script(
                    """
                    WITH message AS (
                        INSERT INTO public.messages (session_id, role, parts_asset_meta, task_id)
                        VALUES ('\(session)', 'user', '{}', '\(task)') RETURNING id
                    )
                    INSERT INTO public.messages (session_id, role, parts_asset_meta, parent_id)
                    SELECT '\(session)', 'assistant', '{}', id FROM message
                    """
                )
            }
            try await fixture.sessions.delete(session, project: fixture.project).perform()
            for (table, count) in [
                ("sessions", 1), ("tasks", 1), ("messages", 2), ("learning_space_sessions", 1), ("learning_spaces", 2),
            ] {
                #expect(try await fixture.database.value("SELECT count(*) FROM public.\(table)") == count, "\(table)")
            }
            await #expect(throws: TasksError.sessionNotFound) {
                try await fixture.sessions.delete(session, project: fixture.project).perform()
            }
        }
    }

    @Test("a deletion whose reply is lost is found to be done", arguments: [FaultProxy.Action.loseReply, .reset])
    func lostReply(action: FaultProxy.Action) async throws {
        try await withProxiedFixture(poolSize: 2) { fixture, proxy in
            let session = try await fixture.session()
            proxy.arm(.toServer, on: "COMMIT", action)
            try await fixture.sessions.delete(session, project: fixture.project).perform()
            #expect(proxy.hasFired)
            #expect(try await fixture.database.value("SELECT count(*) FROM public.sessions") == 0)
        }
    }

    @Test("what would be added to a session while it is deleted finds none, and a user deleted meanwhile is made anew")
    func deletedMeanwhile() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(user: "ann")
            try await withTestConnection(to: fixture.database.url) { deleter in
                try await deleter.perform { database in
                    try database.begin()
                    try database.script("DELETE FROM public.users")
                }
                async let task: Void = {
                    await #expect(throws: TasksError.sessionNotFound) { _ = try await fixture.task(in: session) }
                }()
                async let another = fixture.session(user: "ann")
                try await eventually("both wait") {
                    try await fixture.database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 2
                }
                try await deleter.perform { try $0.commit() }
                _ = await task
                let made = try await another
                #expect(try await fixture.database.values("SELECT id FROM public.sessions") == [made])
                #expect(try await fixture.database.value("SELECT count(*) FROM public.users") == 1)
            }
        }
    }
}
