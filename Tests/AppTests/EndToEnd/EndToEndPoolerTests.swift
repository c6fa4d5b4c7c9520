import RabbitMQ
import Support
import Testing

/// PgBouncer between the service and its database, with `SKILLRELAY_DATABASE_PREPARE=false`.
@Suite(.timeLimit(.minutes(1)))
struct EndToEndPoolerTests {
    @Test("requests, keys and the relay work through a pooler in transaction mode")
    func transactionMode() async throws {
        try await EndToEnd.with { system in
            try await Pooler.with(to: system.database) { pooler in
                let environment = ["DATABASE_URL": pooler.url, "SKILLRELAY_DATABASE_PREPARE": "false"]
                try await system.serve(environment: environment) { service, client in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<10 {
                            group.addTask {
                                let task = try await client.makeLearningTask()
                                for status in ["running", "success", "success"] {
                                    let answer = try await client.setStatus(
                                        of: task, to: status, headers: ["idempotency-key": "\(number)-\(status)"]
                                    )
                                    #expect(answer.status == 200, "\(answer.text)")
                                }
                                #expect(try await client.setStatus(of: task, to: "failed").status == 200)
                            }
                        }
                        try await group.waitForAll()
                    }
                    let messages = try await system.delivered()
                    #expect(messages.map(\.messageID).sorted() == (try await system.eventIDs()))
                    #expect(messages.count == 20)
                    #expect(!service.log.contains("prepared statement"))
                }
            }
        }
    }
}
