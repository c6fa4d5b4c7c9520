import Glibc
import RabbitMQ
import Support
import Synchronization
import Testing

/// Stopping the service on purpose.
@Suite(.timeLimit(.minutes(3)))
struct EndToEndShutdownTests {
    @Test("SIGTERM under load ends it with 0 within 10 seconds, and every accepted status is delivered once")
    func terminatedUnderLoad() async throws {
        try await EndToEnd.with { system in
            let load = Load()
            try await system.serve { service, client in
                let session = try await client.makeSession()
                try await client.learn(from: session)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask { await load.run(on: try await client.makeTask(in: session), client) }
                    }
                    try await eventually("the load is under way") { load.acceptedCount >= 200 }
                    service.signal(SIGTERM)
                    #expect(try await service.exit(within: .seconds(10)) == .exited(0))
                    try await group.waitForAll()
                }
            }
            // A request that got no answer may or may not have been committed; one that was accepted must have been.
            let events = try await system.eventIDs()
            #expect(events.count >= load.acceptedCount)
            #expect(events.count <= load.acceptedCount + load.unansweredCount)
            #expect(load.refusals.allSatisfy { $0 == 503 })

            // What the relay had not sent yet is still there for the next instance.
            try await system.serve { _, _ in
                let messages = try await system.delivered()
                #expect(messages.map(\.messageID).sorted() == events)
            }
        }
    }

    @Test("an answer given while the service stops is the last on its connection, and says so")
    func lastAnswer() async throws {
        try await EndToEnd.with { system in
            try await system.serve { service, client in
                let task = try await client.makeLearningTask()
                try await system.database.script("BEGIN; SELECT FROM public.tasks FOR UPDATE")
                async let answer = client.setStatus(of: task, to: "success")
                try await eventually("the request waits for the row") {
                    try await system.database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
                }
                service.signal(SIGTERM)
                try await eventually("no new connection is taken") {
                    (try? await client.probe.send("GET", "/health")) == nil
                }
                try await system.database.script("COMMIT")
                let last = try await answer
                #expect(last.status == 200 && last.headers["connection"] == "close")
                #expect(try await service.exit(within: .seconds(10)) == .exited(0))
            }
        }
    }

    @Test("a killed service loses nothing that it had accepted")
    func killedUnderLoad() async throws {
        try await EndToEnd.with { system in
            let load = Load()
            try await system.serve { service, client in
                let session = try await client.makeSession()
                try await client.learn(from: session)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask { await load.run(on: try await client.makeTask(in: session), client) }
                    }
                    try await eventually("the load is under way") { load.acceptedCount >= 200 }
                    service.signal(SIGKILL)
                    #expect(try await service.exit() == .killed(signal: SIGKILL))
                    try await group.waitForAll()
                }
            }
            try await system.serve { _, _ in
                let messages = try await system.delivered()
                let events = try await system.eventIDs()
                #expect(events.count >= load.acceptedCount)
                // The two batches in flight may be repeated, under the same ids; nothing else.
                #expect(Set(messages.map(\.messageID)) == Set(events))
                #expect(messages.count <= events.count + 2 * 256)
            }
        }
    }
}

/// Clients that mark tasks again and again until the service is gone, and what they were told.
private final class Load: Sendable {
    private struct Counts {
        var accepted = 0
        var unanswered = 0
        var refusals: [Int] = []
    }

    private let counts = Mutex(Counts())

    var acceptedCount: Int { self.counts.withLock { $0.accepted } }
    var unansweredCount: Int { self.counts.withLock { $0.unanswered } }
    var refusals: [Int] { self.counts.withLock { $0.refusals } }

    /// Returns when a request gets no answer.
    func run(on task: ProjectClient.Task, _ client: ProjectClient) async {
        while true {
            do {
                let answer = try await client.setStatus(of: task, to: "success")
                self.counts.withLock { counts in
                    if answer.status == 200 {
                        counts.accepted += 1
                    } else {
                        counts.refusals.append(answer.status)
                    }
                }
            } catch {
                // The connection was refused or closed: the service is on its way out.
                self.counts.withLock { $0.unanswered += 1 }
                return
            }
        }
    }
}
