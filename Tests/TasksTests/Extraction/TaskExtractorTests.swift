import Foundation
import Postgres
import Support
import Synchronization
import Testing

@testable import Tasks

@Suite("The built-in extractor, on a real database", .timeLimit(.minutes(1)))
struct TaskExtractorTests {
    /// Tasks by order: order, status, is_planning, description, progresses.
    private static func tasks(_ fixture: Fixture) async throws -> [String] {
        try await fixture.database.values(
            """
            SELECT concat_ws(' ', "order", status, is_planning, data ->> 'task_description', data -> 'progresses')
            FROM public.tasks ORDER BY "order"
            """
        )
    }

    /// Messages by creation: status, and the order of their task.
    private static func messages(_ fixture: Fixture) async throws -> [String] {
        try await fixture.database.values(
            """
            SELECT concat_ws(' ', session_task_process_status, t."order")
            FROM public.messages AS m LEFT JOIN public.tasks AS t ON t.id = m.task_id ORDER BY m.created_at, m.id
            """
        )
    }

    private static func queued(_ fixture: Fixture) async throws -> Int {
        try await fixture.database.value("SELECT count(*) FROM skillrelay.extraction_queue")
    }

    @Test("a flush makes running tasks of what waits, in order, links and marks the messages, and empties the queue")
    func flush() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            for (role, text) in [
                ("assistant", "hello"), ("user", "one"), ("assistant", "a"), ("user", "two"), ("assistant", "b"),
            ] { try await fixture.database.storeMessage(role, text, in: session) }
            try await fixture.extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.tasks(fixture) == [#"1 running f one ["a"]"#, #"2 running f two ["b"]"#])
            #expect(
                try await Self.messages(fixture) == ["success", "success 1", "success 1", "success 2", "success 2"])
            #expect(try await Self.queued(fixture) == 0)
            let listed = try await fixture.tasks.list(session: session, project: fixture.project, page: PageRequest())
            #expect(listed.items.map(\.order) == [1, 2])

            try await fixture.extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.tasks(fixture).count == 2)
        }
    }

    @Test("more than a batch is processed batch by batch, and each task goes on where the last batch has ended")
    func batches() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.storeMessage("user", "go", in: session)
            for n in 1...60 { try await fixture.database.storeMessage("assistant", "\(n)", in: session) }
            try await fixture.database.storeMessage("user", "stop", in: session)
            try await fixture.extractor.flush(session: session, project: fixture.project)
            // The latest are kept.
            let progresses: String = try await fixture.database.value(
                """
                SELECT (SELECT string_agg(e, ',') FROM jsonb_array_elements_text(data -> 'progresses') AS e)
                FROM public.tasks WHERE "order" = 1
                """
            )
            #expect(progresses == (11...60).map { "\($0)" }.joined(separator: ","))
            #expect(try await Self.messages(fixture) == [String](repeating: "success 1", count: 61) + ["success 2"])
            #expect(try await Self.queued(fixture) == 0)
        }
    }

    @Test("what another instance has come to first is given up by nobody, however old it is")
    func overtaken() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            for n in 1...20 { try await fixture.database.storeMessage("user", "\(n)", in: session) }
            try await fixture.database.script(
                "UPDATE public.messages SET created_at = created_at - interval '1 hour'")
            // Between its reading and its writing another one has processed what it has read.
            let slow = TaskExtractor(pool: fixture.pool) { session, limit in
                let messages = try await fixture.pending(session, limit)
                _ = try await fixture.extractor.extract(session)
                return messages
            }
            #expect(try await slow.extract(session) == .more)
            try await fixture.extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.messages(fixture) == (1...20).map { "success \($0)" })
        }
    }

    @Test("a session whose task tracking is disabled is left alone, and leaves the queue")
    func untracked() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.script("UPDATE public.sessions SET disable_task_tracking = true")
            for n in 1...10 { try await fixture.database.storeMessage("user", "\(n)", in: session) }
            try await fixture.extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.queued(fixture) == 0)
            try await fixture.database.storeMessage("user", "more", in: session)
            try await fixture.withBackground { _ in
                try await eventually("it leaves the queue") { try await Self.queued(fixture) == 0 }
            }
            #expect(try await Self.tasks(fixture).isEmpty)
            #expect(try await Self.messages(fixture) == [String](repeating: "pending", count: 11))
        }
    }

    @Test("a session that is missing or another project's is refused, and nothing of it is read")
    func foreign() async throws {
        try await withFixture { fixture in
            let foreign = try await fixture.session(project: try await fixture.anotherProject())
            try await fixture.database.storeMessage("user", "secret", in: foreign)
            let extractor = TaskExtractor(pool: fixture.pool) { _, _ in throw TestError("it was read") }
            await #expect(throws: TasksError.sessionOfAnotherProject) {
                try await extractor.flush(session: foreign, project: fixture.project)
            }
            await #expect(throws: TasksError.sessionNotFound) {
                try await extractor.flush(session: UUID(), project: fixture.project)
            }
            #expect(try await Self.messages(fixture) == ["pending"])
        }
    }

    @Test("a finished task keeps its verdict, and still gets what the assistant had said of it")
    func finished() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            try await fixture.database.storeMessage("user", "go", in: session)
            try await fixture.extractor.flush(session: session, project: fixture.project)
            let task: UUID = try await fixture.database.value("SELECT id FROM public.tasks")
            _ = try await fixture.tasks.setStatus(.failed, task: task, session: session, project: fixture.project)
                .perform()
            // What CORE, or anybody, keeps with it stays.
            try await fixture.database.script(#"UPDATE public.tasks SET data = data || '{"progresses": null, "x": 1}'"#)
            try await fixture.database.storeMessage("assistant", "done", in: session)
            try await fixture.extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.tasks(fixture) == [#"1 failed f go ["done"]"#])
            #expect(try await Self.messages(fixture) == ["success 1", "success 1"])
            #expect(try await fixture.database.value("SELECT (data -> 'x')::text FROM public.tasks") == "1")
            #expect(try await fixture.events().count == 1)
        }
    }

    @Test("a message that comes while the others are read is read next")
    func lateMessage() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.storeMessage("user", "one", in: session)
            let reads = Mutex(0)
            let extractor = TaskExtractor(pool: fixture.pool) { session, limit in
                let messages = try await fixture.pending(session, limit)
                let count = reads.withLock { count in
                    count += 1
                    return count
                }
                if count < 3 { try await fixture.database.storeMessage("user", "late", in: session) }
                return messages
            }
            try await extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.messages(fixture) == ["success 1", "success 2", "success 3"])
            #expect(try await Self.queued(fixture) == 0)
        }
    }

    @Test("a message whose parts are not there holds up those after it for a minute, and is failed then")
    func missingParts() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            for text in ["one", "two", "three"] { try await fixture.database.storeMessage("user", text, in: session) }
            let missing: UUID = try await fixture.database.value(
                "SELECT id FROM public.messages ORDER BY created_at OFFSET 1 LIMIT 1")
            let extractor = TaskExtractor(pool: fixture.pool) { session, limit in
                try await fixture.pending(session, limit).filter { $0.id != missing }
            }
            for _ in 0..<2 { try await extractor.flush(session: session, project: fixture.project) }
            #expect(try await Self.messages(fixture) == ["success 1", "pending", "pending"])
            #expect(try await Self.queued(fixture) == 1)
            try await fixture.database.script(
                "UPDATE public.messages SET created_at = created_at - interval '61 seconds' WHERE id = '\(missing)'")
            try await extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.messages(fixture) == ["failed", "success 1", "success 2"])
            #expect(try await Self.queued(fixture) == 0)
        }
    }

    @Test("a message that is being stored is waited for")
    func messageUnderWay() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.storeMessage("user", "one", in: session)
            try await fixture.database.script("BEGIN")
            try await fixture.database.storeMessage("user", "two", in: session)
            async let flush: Void = fixture.extractor.flush(session: session, project: fixture.project)
            try await withTestConnection(to: fixture.database.url) { observer in
                let locks = TestDatabase(url: fixture.database.url, connection: observer)
                try await eventually("the flush waits") {
                    try await locks.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
                }
            }
            try await fixture.database.script("COMMIT")
            try await flush
            #expect(try await Self.messages(fixture) == ["success 1", "success 2"])
            #expect(try await Self.queued(fixture) == 0)
        }
    }

    @Test("what fails half way has not happened, and happens the next time")
    func rollback() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            for text in ["one", "two"] { try await fixture.database.storeMessage("user", text, in: session) }
            // The last of the statements fails.
            try await fixture.database.script(
                "ALTER TABLE public.messages ADD CONSTRAINT bad CHECK (session_task_process_status <> 'success')")
            await #expect(throws: PostgresError.self) {
                try await fixture.extractor.flush(session: session, project: fixture.project)
            }
            #expect(try await Self.tasks(fixture).isEmpty)
            #expect(try await Self.messages(fixture) == ["pending", "pending"])
            #expect(try await Self.queued(fixture) == 1)
            try await fixture.database.script("ALTER TABLE public.messages DROP CONSTRAINT bad")
            try await fixture.extractor.flush(session: session, project: fixture.project)
            #expect(try await Self.messages(fixture) == ["success 1", "success 2"])
        }
    }

    @Test(
        "a reply that is lost, before or after the commit, makes no task twice",
        arguments: ["extraction.markMessages", "COMMIT"])
    func lostReply(statement: String) async throws {
        try await withProxiedFixture(poolSize: 1) { fixture, proxy in
            let session = try await fixture.session()
            try await fixture.database.storeMessage("user", "one", in: session)
            try await fixture.database.storeMessage("assistant", "a", in: session)
            proxy.arm(.toServer, on: statement, .loseReply)
            try await fixture.extractor.flush(session: session, project: fixture.project)
            #expect(proxy.hasFired)
            #expect(try await Self.tasks(fixture) == [#"1 running f one ["a"]"#])
            #expect(try await Self.messages(fixture) == ["success 1", "success 1"])
        }
    }

    @Test("two instances, flushes and appends at once: each message counts once, and no two tasks have one order")
    func concurrency() async throws {
        try await withFixture { fixture in
            let sessions = [try await fixture.session(), try await fixture.session(), try await fixture.session()]
            let other = fixture.extractor
            try await fixture.withBackground { queue in
                try await fixture.withBackground { _ in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for session in sessions {
                            group.addTask {
                                try await withTestConnection(to: fixture.database.url) { connection in
                                    let writer = TestDatabase(url: fixture.database.url, connection: connection)
                                    for n in 1...30 {
                                        try await writer.storeMessage("user", "\(n)", in: session)
                                        try await writer.storeMessage("assistant", "p\(n)", in: session)
                                        queue.wake()
                                    }
                                }
                            }
                            for extractor in [fixture.extractor, other] {
                                group.addTask {
                                    for _ in 0..<10 {
                                        try await extractor.flush(session: session, project: fixture.project)
                                    }
                                }
                            }
                            group.addTask { for _ in 0..<10 { _ = try await fixture.task(in: session) } }
                        }
                        try await group.waitForAll()
                    }
                    try await eventually("all is processed", within: .seconds(20)) {
                        try await Self.queued(fixture) == 0
                    }
                }
            }
            for session in sessions {
                let orders: [Int64] = try await fixture.database.values(
                    #"SELECT "order" FROM public.tasks WHERE session_id = $1 ORDER BY 1"#, [.uuid(session)])
                #expect(orders == Array(1...40))
                let extracted: [String] = try await fixture.database.values(
                    """
                    SELECT concat_ws(' ', data ->> 'task_description', data -> 'progresses') FROM public.tasks
                    WHERE session_id = $1 AND status = 'running' ORDER BY "order"
                    """, [.uuid(session)])
                #expect(extracted == (1...30).map { #"\#($0) ["p\#($0)"]"# })
            }
            let statuses: [String] = try await fixture.database.values(
                "SELECT DISTINCT concat_ws(' ', session_task_process_status, task_id IS NOT NULL) FROM public.messages")
            #expect(statuses == ["success t"])
        }
    }
}

@Suite("Extraction in the background, on a real database", .timeLimit(.minutes(1)))
struct BackgroundExtractionTests {
    private static func processed(_ fixture: Fixture) async throws -> Int {
        try await fixture.database.value(
            "SELECT count(*) FROM public.messages WHERE session_task_process_status = 'success'")
    }

    @Test("a wake finds a session at once, and a look now and then what nobody has woken it for")
    func wakeAndPoll() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.withBackground { queue in
                let woken = try await ContinuousClock().measure {
                    for n in 1...10 {
                        try await fixture.database.storeMessage("user", "\(n)", in: session)
                        queue.wake()
                        try await eventually("\(n) is processed") { try await Self.processed(fixture) == n }
                    }
                }
                #expect(woken < .seconds(5), "ten looks without a wake take ten seconds")
                try await fixture.database.storeMessage("user", "left by another", in: session)
                try await eventually("it is processed") { try await Self.processed(fixture) == 11 }
            }
        }
    }

    @Test("sessions that are not queued are not looked at: another Acontext may be at them")
    func unqueued() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let queued = try await fixture.session()
            try await fixture.database.storeMessage("user", "CORE's", in: session, queues: false)
            try await fixture.withBackground { queue in
                try await fixture.database.storeMessage("user", "ours", in: queued)
                queue.wake()
                try await eventually("ours is processed") { try await Self.processed(fixture) == 1 }
            }
            #expect(try await Self.processed(fixture) == 1)
        }
    }

    @Test("a session that fails is put off with its error, stops no other, and is processed when it can be")
    func poison() async throws {
        try await withFixture { fixture in
            let poisoned = try await fixture.session()
            try await fixture.database.storeMessage("user", "poison", in: poisoned)
            let isHealed = Atomic(false)
            try await fixture.withBackground(reading: { session, limit in
                if session == poisoned, !isHealed.load(ordering: .relaxed) { throw TestError("no such object") }
                return try await fixture.pending(session, limit)
            }) { queue in
                for n in 1...20 {
                    try await fixture.database.storeMessage("user", "\(n)", in: try await fixture.session())
                }
                queue.wake()
                try await eventually("the others are processed") { try await Self.processed(fixture) == 20 }
                let state: String = try await eventually("it is put off") {
                    try await fixture.database.values(
                        """
                        SELECT concat_ws(' ', attempts > 0, next_attempt_at > queued_at, last_error)
                        FROM skillrelay.extraction_queue
                        """
                    ).first { $0.hasPrefix("t") }
                }
                #expect(state == "t t no such object")
                isHealed.store(true, ordering: .relaxed)
                try await eventually("it is processed", within: .seconds(20)) {
                    try await Self.processed(fixture) == 21
                }
            }
        }
    }

    @Test("a session that somebody holds is passed over, and looked at again")
    func held() async throws {
        try await withFixture { fixture in
            let (held, free) = (try await fixture.session(), try await fixture.session())
            for session in [held, free] { try await fixture.database.storeMessage("user", "x", in: session) }
            try await withTestConnection(to: fixture.database.url) { holder in
                try await holder.perform { session in
                    try session.begin()
                    try session.script("SELECT FROM public.sessions WHERE id = '\(held)' FOR UPDATE")
                }
                try await fixture.withBackground { _ in
                    try await eventually("the free one is processed") { try await Self.processed(fixture) == 1 }
                    try await holder.perform { try $0.rollback() }
                    try await eventually("the other too") { try await Self.processed(fixture) == 2 }
                }
            }
            let attempts: [Int64] = try await fixture.database.values(
                "SELECT attempts::bigint FROM skillrelay.extraction_queue")
            #expect(attempts.isEmpty)
        }
    }

    @Test("a session that was deleted leaves the queue")
    func deleted() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.storeMessage("user", "x", in: session)
            try await fixture.database.script("DELETE FROM public.sessions")
            try await fixture.withBackground { _ in
                try await eventually("the queue is empty") {
                    try await fixture.database.value("SELECT count(*) FROM skillrelay.extraction_queue") == 0
                }
            }
        }
    }

    @Test("a database that is away for a while is waited for")
    func outage() async throws {
        try await withProxiedFixture(poolSize: 2) { fixture, proxy in
            let session = try await fixture.session()
            try await fixture.withBackground { _ in
                proxy.cut()
                try await fixture.database.storeMessage("user", "x", in: session)
                proxy.open()
                try await eventually("it is processed", within: .seconds(20)) { try await Self.processed(fixture) == 1 }
            }
        }
    }
}
