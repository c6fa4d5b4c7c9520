import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("Learning from a session, on a real database", .timeLimit(.minutes(1)))
struct LearningTests {
    /// A session with a task of each status, and a planning one that has succeeded; the tasks by their statuses.
    private static func session(_ fixture: Fixture) async throws -> (id: UUID, tasks: [TaskStatus: UUID]) {
        let session = try await fixture.session()
        var tasks: [TaskStatus: UUID] = [:]
        for status in TaskStatus.allCases {
            var new = NewTask(description: "work")
            new.status = status
            tasks[status] = try await fixture.tasks.append(new, session: session, project: fixture.project).perform()
                .task.id
        }
        try await fixture.database.script(
            """
            INSERT INTO public.tasks (session_id, project_id, "order", data, status, is_planning)
            VALUES ('\(session)', '\(fixture.project)', 9, '{}', 'success', true)
            """
        )
        return (session, tasks)
    }

    @Test(
        "publishes nothing by itself; with what is finished, one event each for the tasks that are, and no planning ones"
    )
    func finished() async throws {
        try await withFixture { fixture in
            let plain = try await Self.session(fixture)
            let space = try await fixture.space()
            let start = try await fixture.spaces.learn(space: space, session: plain.id, project: fixture.project)
                .perform()
            #expect(start.eventCount == 0)
            #expect(try await fixture.events().isEmpty)

            let (session, tasks) = try await Self.session(fixture)
            let headers = ["traceparent": "00-a-b-01"]
            let all = try await fixture.spaces.learn(
                space: space, session: session, project: fixture.project, includesFinished: true, headers: headers
            ).perform()
            #expect(all.eventCount == 2)
            let expected = try [TaskStatus.success, .failed].map { status in
                """
                {"project_id":"\(fixture.project.lowercased)","session_id":"\(session.lowercased)",\
                "task_id":"\(try #require(tasks[status]).lowercased)"}
                """
            }
            #expect(Set(try await fixture.events()) == Set(expected))
            let about: [String] = try await fixture.database.values(
                "SELECT concat_ws(' ', exchange, routing_key, type, headers, subject) FROM skillrelay.outbox"
            )
            let head = #"learning.skill learning.skill.distill SkillLearnTask {"traceparent": "00-a-b-01"}"#
            #expect(
                Set(about)
                    == Set(try [TaskStatus.success, .failed].map { "\(head) \(try #require(tasks[$0]).lowercased)" }))
        }
    }

    @Test("that is refused publishes nothing")
    func refused() async throws {
        try await withFixture { fixture in
            let (session, _) = try await Self.session(fixture)
            let space = try await fixture.space()
            _ = try await fixture.spaces.learn(space: space, session: session, project: fixture.project).perform()
            await #expect(throws: TasksError.sessionAlreadyLearned) {
                try await fixture.spaces.learn(
                    space: space, session: session, project: fixture.project, includesFinished: true
                ).perform()
            }
            #expect(try await fixture.events().isEmpty)
        }
    }

    /// In which order the two come to a task that somebody holds.
    enum First: CaseIterable { case status, learn }

    @Test("a task that is finished at the same moment has one event, whoever comes first", arguments: First.allCases)
    func meanwhile(first: First) async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let task = try await fixture.task(in: session)
            let space = try await fixture.space()
            try await withTestConnection(to: fixture.database.url) { holder in
                try await holder.perform { database in
                    try database.begin()
                    try database.script("SELECT FROM public.tasks FOR UPDATE")
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (waiting, isLearn) in [(1, first == .learn), (2, first == .status)] {
                        group.addTask {
                            if isLearn {
                                _ = try await fixture.spaces.learn(
                                    space: space, session: session, project: fixture.project, includesFinished: true
                                ).perform()
                            } else {
                                _ = try await fixture.tasks.setStatus(
                                    .success, task: task, session: session, project: fixture.project
                                ).perform()
                            }
                        }
                        try await eventually("\(waiting) wait") {
                            try await fixture.database.value(
                                "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
                            ) == waiting
                        }
                    }
                    try await holder.perform { try $0.rollback() }
                    try await group.waitForAll()
                }
            }
            #expect(try await fixture.events().count == 1)
        }
    }

    @Test("tasks that are finished while a space takes their session have one event each")
    func race() async throws {
        try await withFixture { fixture in
            let space = try await fixture.space()
            let store = fixture.tasks
            for _ in 0..<10 {
                let session = try await fixture.session()
                var tasks: [UUID] = []
                for _ in 0..<12 { tasks.append(try await fixture.task(in: session)) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (number, task) in tasks.enumerated() {
                        if number == 4 {
                            group.addTask {
                                _ = try await fixture.spaces.learn(
                                    space: space, session: session, project: fixture.project, includesFinished: true
                                ).perform()
                            }
                        }
                        group.addTask {
                            _ = try await store.setStatus(
                                .success, task: task, session: session, project: fixture.project
                            ).perform()
                        }
                    }
                    try await group.waitForAll()
                }
                let subjects: [UUID] = try await fixture.database.values(
                    "SELECT subject FROM skillrelay.outbox JOIN public.tasks AS t ON t.id = subject WHERE t.session_id = $1",
                    [.uuid(session)]
                )
                #expect(subjects.count == 12 && Set(subjects) == Set(tasks))
            }
        }
    }

    @Test(
        "whose reply is lost is found: one tie, and one event for each finished task",
        arguments: [FaultProxy.Action.loseReply, .reset])
    func lostReply(action: FaultProxy.Action) async throws {
        try await withProxiedFixture(poolSize: 2) { fixture, proxy in
            let (session, _) = try await Self.session(fixture)
            let space = try await fixture.space()
            proxy.arm(.toServer, on: "COMMIT", action)
            let start = try await fixture.spaces.learn(
                space: space, session: session, project: fixture.project, includesFinished: true
            ).perform()
            #expect(proxy.hasFired && start.tie.sessionID == session)
            #expect(try await fixture.events().count == 2)
        }
    }

    @Test("of two calls for one skill, or for two of one name, one is taken", arguments: [true, false])
    func skills(isSame: Bool) async throws {
        try await withFixture { fixture in
            let skill = try await fixture.skill(name: "facts")
            let other = isSame ? skill : try await fixture.skill(name: "facts")
            for _ in 0..<5 {
                let space = try await fixture.space()
                let refusals = try await withThrowingTaskGroup(of: TasksError?.self) { group in
                    for skill in [skill, other] {
                        group.addTask {
                            do {
                                _ = try await fixture.skills.include(skill, in: space, project: fixture.project)
                                    .perform()
                                return nil
                            } catch let error as TasksError {
                                return error
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(refusals) == [nil, isSame ? .skillAlreadyIncluded : .skillNameTaken("facts")])
                #expect(try await fixture.skills.list(in: space, project: fixture.project).count == 1)
            }
        }
    }

    @Test("no patch of a space's meta is lost, however many come at once")
    func patches() async throws {
        try await withFixture { fixture in
            let space = try await fixture.space()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<20 {
                    group.addTask {
                        _ = try await fixture.spaces.patchMeta(
                            of: space, project: fixture.project, with: #"{"k\#(n)": null}"#
                        ).perform()
                    }
                }
                try await group.waitForAll()
            }
            let keys: Set<String> = Set(
                try await fixture.database.values("SELECT jsonb_object_keys(meta) FROM public.learning_spaces"))
            #expect(keys == Set((0..<20).map { "k\($0)" }))
        }
    }
}
