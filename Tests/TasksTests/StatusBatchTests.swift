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

    @Test("a second change of one task is left undone")
    func twice() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            let batch = [
                Self.transaction(.success, task, session, fixture.project),
                Self.transaction(.failed, task, session, fixture.project),
            ]
            let changes = try await fixture.pool.perform { try StatusTransaction.run(batch, in: $0) }
            #expect(changes.map { $0?.event } == [batch[0].event.id, nil])
            #expect(changes[0]?.task.status == "success")
            #expect(try await fixture.events().count == 1)
        }
    }

    @Test("a full statement does not read all tasks, however it is planned, on statistics from a quiet time")
    func plan() async throws {
        try await withFixture { fixture in
            let (session, database) = (try await fixture.session(learning: true), fixture.database)
            func fill(_ orders: String) -> String {
                """
                INSERT INTO public.tasks (session_id, project_id, "order", data)
                SELECT '\(session)', '\(fixture.project)', n, '{"task_description": "work"}' FROM generate_series(\(orders)) AS n;
                """
            }
            try await database.script("ALTER TABLE public.tasks SET (autovacuum_enabled = off)")
            try await database.script(fill("1, 100") + "ANALYZE public.tasks;" + fill("101, 20000"))
            let tasks: [UUID] = try await database.values("SELECT id FROM public.tasks LIMIT 128")
            let parameters = StatusTransaction.parameters(
                tasks.map { Self.transaction(.success, $0, session, fixture.project) }
            )
            let sql = StatusTransaction.together.sql
            let custom: [String] = try await database.values("EXPLAIN " + sql, parameters)
            let nulls = parameters.map { _ in "NULL" }.joined(separator: ", ")
            try await database.script("SET plan_cache_mode = force_generic_plan; PREPARE s AS \(sql)")
            let generic: [String] = try await database.values("EXPLAIN EXECUTE s(\(nulls))")
            for plan in [custom, generic] {
                let reads = plan.filter { $0.contains("on tasks") && $0.contains("Scan") }
                #expect(reads.count == 2, "the lock and the update")
                #expect(reads.allSatisfy { !$0.contains("Seq Scan") }, "\(plan.joined(separator: "\n"))")
            }
        }
    }
}
