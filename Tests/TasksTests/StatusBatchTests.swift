import Foundation
import Outbox
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("Statuses set together, on a real database", .timeLimit(.minutes(1)))
struct StatusBatchTests {
    private static func transaction(
        _ status: TaskStatus, _ task: UUID, _ session: UUID, _ project: UUID, headers: [String: String] = [:]
    ) -> StatusTransaction {
        let event = SkillLearnTask.event(project: project, session: session, task: task, headers: headers)
        return StatusTransaction(status: status, task: task, session: session, project: project, event: event)
    }

    @Test("each has its own row, its own event and its own answer; what is not there is left undone")
    func together() async throws {
        try await withFixture { fixture in
            let learning = try await fixture.session(learning: true)
            let other = try await fixture.session()
            let stranger = try await fixture.anotherProject()
            let project = fixture.project
            let (a, b, c) = (
                try await fixture.task(in: learning), try await fixture.task(in: learning),
                try await fixture.task(in: other)
            )
            let untouched = try await fixture.task(in: learning)
            let batch = [
                Self.transaction(.success, a, learning, project, headers: ["traceparent": "00-a-b-01"]),
                Self.transaction(.success, UUID(), learning, project),
                Self.transaction(.running, b, learning, project),
                Self.transaction(.failed, c, other, project),
                Self.transaction(.success, untouched, other, project),
                Self.transaction(.success, untouched, learning, stranger),
            ]
            let changes = try await fixture.pool.perform { try StatusTransaction.run(batch, in: $0) }
            #expect(changes.map { $0?.task.id } == [a, nil, b, c, nil, nil])
            #expect(changes.map { $0?.task.status } == ["success", nil, "running", "failed", nil, nil])
            #expect(changes.map { $0?.event } == [batch[0].event.id, nil, nil, nil, nil, nil])
            #expect(try await fixture.events() == [String(decoding: batch[0].event.payload, as: UTF8.self)])
            let event: String = try await fixture.database.value(
                "SELECT concat_ws(' ', id, exchange, routing_key, type, headers) FROM skillrelay.outbox"
            )
            let id = batch[0].event.id.lowercased
            #expect(
                event == #"\#(id) learning.skill learning.skill.distill SkillLearnTask {"traceparent": "00-a-b-01"}"#)
            let rest: String = try await fixture.database.value(
                "SELECT status FROM public.tasks WHERE id = $1", [.uuid(untouched)])
            #expect(rest == "pending")
        }
    }

    @Test("a task that somebody holds delays nobody else, and waits for its holder alone")
    func held() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let tasks = [try await fixture.task(in: session), try await fixture.task(in: session)]
            try await withTestConnection(to: fixture.database.url) { holder in
                try await holder.perform { session in
                    try session.begin()
                    try session.script("SELECT FROM public.tasks WHERE id = '\(tasks[0])' FOR UPDATE")
                }
                async let waiting = fixture.tasks.setStatus(
                    .success, task: tasks[0], session: session, project: fixture.project
                ).perform()
                let store = fixture.tasks
                for _ in 0..<3 {
                    _ = try await store.setStatus(
                        .success, task: tasks[1], session: session, project: fixture.project
                    ).perform()
                }
                #expect(try await fixture.events().count == 3)
                try await holder.perform { try $0.rollback() }
                let change = try await waiting
                #expect(change.task.status == "success")
            }
            #expect(try await fixture.events().count == 4)
        }
    }

    @Test("one that the database refuses does not fail the others")
    func refused() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let store = fixture.tasks
            var tasks: [UUID] = []
            for _ in 0..<30 { tasks.append(try await fixture.task(in: session)) }
            let bad = tasks[7]
            try await fixture.database.script(
                "ALTER TABLE public.tasks ADD CONSTRAINT bad CHECK (id <> '\(bad)' OR status = 'pending')")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in tasks {
                    group.addTask {
                        let write = store.setStatus(.success, task: task, session: session, project: fixture.project)
                        guard task == bad else {
                            let change = try await write.perform()
                            #expect(change.event != nil)
                            return
                        }
                        let error = await #expect(throws: PostgresError.self) { try await write.perform() }
                        #expect(error?.sqlState == .checkViolation)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await fixture.events().count == 29)
        }
    }

    @Test("changes of one task travel apart, and the last that came is what stays")
    func oneTask() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            let store = fixture.tasks
            try await withThrowingTaskGroup(of: UUID?.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        try await store.setStatus(.success, task: task, session: session, project: fixture.project)
                            .perform().event
                    }
                }
                var events: Set<UUID> = []
                for try await event in group { events.insert(try #require(event)) }
                #expect(events.count == 40)
            }
            #expect(try await fixture.events().count == 40)
        }
    }

    @Test("what waits for a writer shares its commit")
    func commits() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let store = fixture.tasks
            var tasks: [UUID] = []
            for _ in 0..<64 { tasks.append(try await fixture.task(in: session)) }
            let transactions = "SELECT pg_current_xact_id()::text::bigint"
            let before: Int64 = try await fixture.database.value(transactions)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in tasks {
                    group.addTask {
                        for _ in 0..<10 {
                            _ = try await store.setStatus(
                                .success, task: task, session: session, project: fixture.project
                            ).perform()
                        }
                    }
                }
                try await group.waitForAll()
            }
            let after: Int64 = try await fixture.database.value(transactions)
            #expect(try await fixture.events().count == 640)
            #expect(after - before < 640 / 4, "\(after - before) transactions for 640 changes")
        }
    }

    @Test("CORE's changes to the same rows meanwhile are neither lost nor waited for in vain")
    func besideCORE() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            var tasks: [UUID] = []
            for _ in 0..<8 { tasks.append(try await fixture.task(in: session)) }
            let store = fixture.tasks
            let all = tasks
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in all {
                    group.addTask {
                        for _ in 0..<20 {
                            let change = try await store.setStatus(
                                .failed, task: task, session: session, project: fixture.project
                            ).perform()
                            #expect(change.task.id == task && change.event != nil)
                        }
                    }
                }
                group.addTask {
                    try await withTestConnection(to: fixture.database.url) { core in
                        for number in 0..<200 {
                            let task = all[number % all.count]
                            try await core.perform { session in
                                try session.script(
                                    """
                                    UPDATE public.tasks SET data = jsonb_set(
                                        data, '{n}', to_jsonb(coalesce((data ->> 'n')::int, 0) + 1)) WHERE id = '\(task)'
                                    """
                                )
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await fixture.events().count == 160)
            let counted: [Int64] = try await fixture.database.values("SELECT (data ->> 'n')::bigint FROM public.tasks")
            #expect(counted == [Int64](repeating: 25, count: 8))
        }
    }
}
