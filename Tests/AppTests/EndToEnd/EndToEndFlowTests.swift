import Foundation
import Postgres
import RabbitMQ
import Support
import Testing

/// From a message to the lesson, with nothing but PostgreSQL and RabbitMQ: the real binary, asserted from outside.
@Suite(.timeLimit(.minutes(2)))
struct EndToEndFlowTests {
    private struct Page: Decodable { let items: [ProjectClient.Task] }

    private static func store(_ client: ProjectClient, _ role: String, _ text: String, in session: String) async throws
    {
        let body = #"{"format":"openai","blob":{"role":"\#(role)","content":"\#(text)"}}"#
        let answer = try await client.probe.send("POST", "/api/v1/session/\(session)/messages", body: body)
        #expect(answer.status == 201, "\(answer.text)")
    }

    private static func tasks(_ client: ProjectClient, in session: String) async throws -> [ProjectClient.Task] {
        try await client.probe.send("GET", "/api/v1/session/\(session)/task").data(as: Page.self).items
    }

    @Test(
        "a message becomes a running task, by a flush or by itself; marked success, it is learned from",
        arguments: [true, false])
    func flow(flushes: Bool) async throws {
        try await EndToEnd.with { system in
            // Nobody has a queue for messages here.
            try await system.serve(environment: ["SKILLRELAY_MESSAGE_EVENTS": "false"]) { _, client in
                let session = try await client.makeSession()
                try await client.learn(from: session)
                try await Self.store(client, "user", "write a poem", in: session)
                try await Self.store(client, "assistant", "roses are red", in: session)
                if flushes {
                    let answer = try await client.probe.send("POST", "/api/v1/session/\(session)/flush")
                    #expect(answer.status == 200 && answer.text.contains(#""data":{"status":200,"errmsg":""}"#))
                    #expect(try await Self.tasks(client, in: session).count == 1)
                }
                let task = try await eventually("the message is a task") {
                    try await Self.tasks(client, in: session).first
                }
                #expect(task.status == "running")
                #expect(try await system.eventIDs().isEmpty)

                let changed = try await client.setStatus(of: task, to: "success")
                #expect(changed.status == 200)
                let messages = try await system.delivered()
                #expect(messages.map(\.text) == [task.learningMessage])
                #expect(messages.map(\.messageID) == [changed.headers["skillrelay-event-id"]])
                let events = try await client.probe.send("GET", "/api/v1/session/\(session)/task/\(task.id)/events")
                #expect(events.text.contains(#""state":"delivered""#))
            }
        }
    }

    @Test("two instances make each message into one task, and a stop in the middle of it loses none")
    func twoInstances() async throws {
        try await EndToEnd.with { system in
            try await system.serve { first, client in
                let session = try await client.makeSession()
                try await system.serve { _, second in
                    for n in 1...40 {
                        try await Self.store(second, "user", "\(n)", in: session)
                        if n == 20 { first.signal(SIGKILL) }
                    }
                    try await eventually("all are processed", within: .seconds(30)) {
                        try await system.database.value("SELECT count(*) FROM skillrelay.extraction_queue") == 0
                    }
                }
                let orders: [Int64] = try await system.database.values(#"SELECT "order" FROM public.tasks ORDER BY 1"#)
                #expect(orders == Array(1...40))
                let descriptions: [String] = try await system.database.values(
                    #"SELECT data ->> 'task_description' FROM public.tasks ORDER BY "order""#)
                #expect(descriptions == (1...40).map { "\($0)" })
            }
        }
    }

    @Test("with CORE_BASE_URL a flush is CORE's, and messages are left to it")
    func core() async throws {
        try await withCoreServer { core, url in
            try await EndToEnd.with { system in
                try await system.serve(environment: ["CORE_BASE_URL": url]) { service, client in
                    let session = try await client.makeSession()
                    try await Self.store(client, "user", "x", in: session)
                    let queued: Int64 = try await system.database.value(
                        "SELECT count(*) FROM skillrelay.extraction_queue")
                    #expect(queued == 0)
                    #expect(try await client.probe.send("POST", "/api/v1/session/\(session)/flush").status == 200)
                    #expect(core.calls.count == 1)
                    #expect(try await Self.tasks(client, in: session).isEmpty)
                    core.behave(.neverAnswer)
                    async let cut = client.probe.send("POST", "/api/v1/session/\(session)/flush")
                    try await eventually("CORE is asked") { core.calls.count == 2 }
                    service.signal(SIGTERM)
                    let answer = try await cut
                    #expect(answer.status == 503)
                    #expect(try await service.exit(within: .seconds(5)) == .exited(0))
                    #expect(!service.log.contains("took too long"))
                }
            }
        }
    }
}
