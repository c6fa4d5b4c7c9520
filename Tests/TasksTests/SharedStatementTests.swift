import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("Status changes that share a statement", .timeLimit(.minutes(1)))
struct SharedStatementTests {
    @Test("a task that somebody holds delays nobody else, and waits for its holder alone")
    func held() async throws {
        try await withFixture { fixture in
            let work = try await Work(fixture, tasks: 8)
            try await withTestConnection(to: fixture.database.url) { holder in
                try await holder.perform { session in
                    try session.begin()
                    try session.script("SELECT FROM public.tasks WHERE id = '\(work.tasks[3])' FOR UPDATE")
                }
                let changes = try await work.together(.success) {
                    try await eventually("the others are done") { try await fixture.events().count == 8 }
                    try await holder.perform { try $0.rollback() }
                }
                for change in changes { #expect(try change.get().event != nil) }
            }
            // The one before, the others together, the held one.
            #expect(try await work.statementSizes() == [1, 7, 1])
        }
    }

    @Test("one that the database refuses does not fail the others")
    func refused() async throws {
        try await withFixture { fixture in
            let work = try await Work(fixture, tasks: 30)
            let bad = work.tasks[7]
            try await fixture.database.script(
                "ALTER TABLE public.tasks ADD CONSTRAINT bad CHECK (id <> '\(bad)' OR status = 'pending')")
            for (task, change) in zip(work.tasks, try await work.together(.success)) {
                if task == bad {
                    let error = #expect(throws: PostgresError.self) { try change.get() }
                    #expect(error?.sqlState == .checkViolation)
                } else {
                    #expect(try change.get().event != nil)
                }
            }
            // Each alone, after all together had failed.
            #expect(try await work.statementSizes() == [Int](repeating: 1, count: 30))
        }
    }

    @Test("a reply that is lost is found by each for itself: one event each")
    func lostReply() async throws {
        // One connection, so that what is under way and what comes after it share one.
        try await withProxiedFixture(poolSize: 1) { fixture, proxy in
            let work = try await Work(fixture, tasks: 5)
            let changes = try await work.together(.failed) {
            } whenBlocked: {
                proxy.arm(.toServer, on: "tasks.setStatuses", .loseReply)
            }
            #expect(proxy.hasFired)
            let events = try changes.map { try #require(try $0.get().event) }
            #expect(Set(events).count == 5)
            let written: [UUID] = try await fixture.database.values("SELECT id FROM skillrelay.outbox")
            #expect(written.count == 6 && Set(written).isSuperset(of: events))
            #expect(try await work.statementSizes() == [1, 5])
        }
    }

    @Test("changes of one task travel apart, and the status is that of the last of them")
    func oneTask() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session(learning: true)
            let task = try await fixture.task(in: session)
            let store = fixture.tasks
            let statuses = try await withThrowingTaskGroup(of: (UUID, TaskStatus).self) { group in
                for number in 0..<40 {
                    let status: TaskStatus = number.isMultiple(of: 2) ? .success : .failed
                    group.addTask {
                        let change = try await store.setStatus(
                            status, task: task, session: session, project: fixture.project
                        ).perform()
                        #expect(change.task.status == status.rawValue)
                        return (try #require(change.event), status)
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            let events: [UUID] = try await fixture.database.values(
                "SELECT id FROM skillrelay.outbox JOIN skillrelay.outbox_pending USING (id) ORDER BY seq")
            #expect(Set(events) == Set(statuses.keys) && events.count == 40)
            let status: String = try await fixture.database.value("SELECT status FROM public.tasks")
            #expect(status == statuses[try #require(events.last)]?.rawValue)
        }
    }

    @Test("what waits for a writer shares its commit")
    func commits() async throws {
        try await withFixture { fixture in
            let work = try await Work(fixture, tasks: 64)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in work.tasks {
                    group.addTask { for _ in 0..<10 { _ = try await work.write(task, .success).perform() } }
                }
                try await group.waitForAll()
            }
            let sizes = try await work.statementSizes()
            #expect(sizes.reduce(0, +) == 640)
            #expect(sizes.count < 640 / 4, "\(sizes.count) transactions for 640 changes")
        }
    }

    @Test("CORE's changes to the same rows meanwhile are neither lost nor waited for in vain")
    func besideCORE() async throws {
        try await withFixture { fixture in
            let work = try await Work(fixture, tasks: 8)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in work.tasks {
                    group.addTask {
                        for _ in 0..<20 {
                            let change = try await work.write(task, .failed).perform()
                            #expect(change.task.id == task && change.event != nil)
                        }
                    }
                }
                group.addTask {
                    try await withTestConnection(to: fixture.database.url) { core in
                        for number in 0..<200 {
                            let task = work.tasks[number % 8]
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
            let sizes = try await work.statementSizes()
            #expect(sizes.reduce(0, +) == 160 && sizes.contains { $0 > 1 })
            let counted: [Int64] = try await fixture.database.values(
                "SELECT (data ->> 'n')::bigint FROM public.tasks WHERE data ? 'n'")
            #expect(counted == [Int64](repeating: 25, count: 8))
        }
    }
}

/// Tasks of one learning session, and a store that has one writer.
private struct Work: Sendable {
    let tasks: [UUID]
    private let fixture: Fixture
    private let session: UUID
    private let store: TaskStore
    /// The task whose change has the writer while the others come.
    private let blocker: UUID

    init(_ fixture: Fixture, tasks count: Int) async throws {
        self.fixture = fixture
        self.session = try await fixture.session(learning: true)
        self.store = TaskStore(pool: fixture.pool, statusWriters: 1)
        self.blocker = try await fixture.task(in: self.session)
        var tasks: [UUID] = []
        for _ in 0..<count { tasks.append(try await fixture.task(in: self.session)) }
        self.tasks = tasks
    }

    func write(_ task: UUID, _ status: TaskStatus) -> Write<TaskChange> {
        self.store.setStatus(status, task: task, session: self.session, project: self.fixture.project)
    }

    /// Sets all tasks to `status` in one statement, which waits until one before it, of another task, has ended; their answers in order.
    ///
    /// `whenBlocked` runs while they wait, `meanwhile` once they are let go.
    func together(
        _ status: TaskStatus,
        meanwhile: () async throws -> Void = {},
        whenBlocked: () async throws -> Void = {}
    ) async throws -> [Result<TaskChange, any Error>] {
        try await withTestConnection(to: self.fixture.database.url) { gate in
            try await gate.perform { session in
                try session.begin()
                try session.script("LOCK TABLE public.tasks IN SHARE MODE")
            }
            return try await withThrowingTaskGroup { group in
                group.addTask { (-1, try await Self.result(of: self.write(self.blocker, status))) }
                try await eventually("the first has the writer") {
                    try await self.fixture.database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
                }
                for (index, task) in self.tasks.enumerated() {
                    group.addTask { (index, try await Self.result(of: self.write(task, status))) }
                }
                try await eventually("the others wait") { self.store.statusBatcher.waitingCount == self.tasks.count }
                try await whenBlocked()
                try await gate.perform { try $0.rollback() }
                try await meanwhile()
                let answers = try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                _ = try answers[-1]?.get()
                return try self.tasks.indices.map { try #require(answers[$0]) }
            }
        }
    }

    private static func result(of write: Write<TaskChange>) async throws -> Result<TaskChange, any Error> {
        do {
            return .success(try await write.perform())
        } catch let error as PostgresError {
            return .failure(error)
        }
    }

    /// How many events each transaction has written, in the order of their commits.
    func statementSizes() async throws -> [Int] {
        try await self.fixture.database.values(
            """
            SELECT count(*) FROM skillrelay.outbox AS o JOIN skillrelay.outbox_pending USING (id)
            GROUP BY o.xmin ORDER BY min(seq)
            """
        )
    }
}
