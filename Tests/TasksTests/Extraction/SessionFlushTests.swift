import Foundation
import Logging
import Support
import Testing

@testable import Tasks

@Suite("A flush by CORE", .timeLimit(.minutes(1)))
struct SessionFlushTests {
    private static func flush(_ fixture: Fixture, at url: String) throws -> SessionFlush {
        let core = CoreClient(url: try #require(URL(string: url)), logger: Logger(label: "test"))
        return SessionFlush(pool: fixture.pool, extractor: .core(core))
    }

    @Test("is asked for once, at CORE's path, without a body, and what CORE says is the answer")
    func asked() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await withCoreServer { core, url in
                for base in [url, url + "/", url + "/behind/a/proxy/"] {
                    let result = try await Self.flush(fixture, at: base).flush(
                        session: session, project: fixture.project)
                    #expect(result == FlushResult(status: 200, message: ""))
                }
                let path =
                    "/api/v1/project/\(fixture.project.uuidString.lowercased())/session/\(session.uuidString.lowercased())/flush"
                #expect(core.calls.map(\.path) == [path, path, "/behind/a/proxy" + path])
                #expect(core.calls.allSatisfy { $0.method == "POST" && $0.contentLength == "0" && $0.body.isEmpty })

                core.behave(.answer(#"{"errmsg":"no such project","status":500,"more":1}"#))
                let bad = try await Self.flush(fixture, at: url).flush(session: session, project: fixture.project)
                #expect(bad == FlushResult(status: 500, message: "no such project"))
                core.behave(.answer(#"{"status":200}"#, after: .seconds(3)))
                let slow = try await Self.flush(fixture, at: url).flush(session: session, project: fixture.project)
                #expect(slow == FlushResult(status: 200, message: ""))
            }
        }
    }

    @Test(
        "fails when CORE does, and is not asked for again",
        arguments: [
            .answer("{}", status: 500), .answer(#"{"status":200,"errmsg":""}"#, status: 201), .answer("", status: 302),
            .answer(""), .answer("ok"), .answer("[]"), .answer(#"{"errmsg":""}"#), .answer(#"{"status":"200"}"#),
            .answer(#"{"status":200,"errmsg":"\#(String(repeating: "x", count: 70_000))"}"#), .hangUp,
        ] as [CoreServer.Behaviour]
    )
    func failure(behaviour: CoreServer.Behaviour) async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await withCoreServer(behaviour) { core, url in
                await #expect(throws: TasksError.flushFailed) {
                    try await Self.flush(fixture, at: url).flush(session: session, project: fixture.project)
                }
                #expect(core.calls.count == 1)
            }
        }
    }

    @Test("fails at once when nobody is there")
    func dead() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let gone = try await withCoreServer { _, url in url }
            let time = await ContinuousClock().measure {
                await #expect(throws: TasksError.flushFailed) {
                    try await Self.flush(fixture, at: gone).flush(session: session, project: fixture.project)
                }
            }
            #expect(time < .seconds(3))
        }
    }

    @Test("ends with its caller: CORE is hung up on")
    func cancelled() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await withCoreServer(.neverAnswer) { core, url in
                let flush = try Self.flush(fixture, at: url)
                // Unstructured, so that it can be cancelled.
                let task = Task { try await flush.flush(session: session, project: fixture.project) }
                try await eventually("CORE is asked") { core.calls.count == 1 }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                try await eventually("CORE is hung up on") { core.abandonedCount == 1 }
            }
        }
    }

    @Test("CORE is not asked for a session that is not the caller's")
    func foreign() async throws {
        try await withFixture { fixture in
            let foreign = try await fixture.session(project: try await fixture.anotherProject())
            try await withCoreServer { core, url in
                let flush = try Self.flush(fixture, at: url)
                await #expect(throws: TasksError.sessionOfAnotherProject) {
                    try await flush.flush(session: foreign, project: fixture.project)
                }
                await #expect(throws: TasksError.sessionNotFound) {
                    try await flush.flush(session: UUID(), project: fixture.project)
                }
                #expect(core.calls.isEmpty)
            }
        }
    }

    @Test("so many at one time, and no more; one that has ended makes room")
    func limit() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await withCoreServer(.neverAnswer) { core, url in
                let flush = try Self.flush(fixture, at: url)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<SessionFlush.most {
                        group.addTask { _ = try? await flush.flush(session: session, project: fixture.project) }
                    }
                    try await eventually("all are under way", within: .seconds(20)) {
                        core.calls.count == SessionFlush.most
                    }
                    await #expect(throws: TasksError.tooManyFlushes) {
                        try await flush.flush(session: session, project: fixture.project)
                    }
                    group.cancelAll()
                }
                core.behave(.answer(#"{"status":200}"#))
                _ = try await flush.flush(session: session, project: fixture.project)
            }
        }
    }
}
