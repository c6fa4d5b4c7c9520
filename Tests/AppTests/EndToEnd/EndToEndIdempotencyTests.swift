import Support
import Testing

/// `Idempotency-Key` and lost replies through the real binary: what a client that repeats its requests can rely on.
@Suite(.timeLimit(.minutes(2)))
struct EndToEndIdempotencyTests {
    private static let repeats = 8

    @Test("one key, sent to two instances at once, is one status change and one message")
    func twoInstances() async throws {
        try await EndToEnd.with { system in
            try await system.serve { _, first in
                try await system.serve { _, second in
                    let task = try await first.makeLearningTask()
                    let answers = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
                        for client in [first, second] {
                            for _ in 0..<Self.repeats {
                                group.addTask {
                                    try await client.setStatus(
                                        of: task, to: "success", headers: ["idempotency-key": "k"])
                                }
                            }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(answers.allSatisfy { $0.status == 200 } && Set(answers.map(\.body)).count == 1)
                    #expect(try await system.delivered().map(\.text) == [task.learningMessage])
                }
            }
        }
    }

    @Test("a lost reply of the database is one message all the same, with and without a key")
    func lostReply() async throws {
        try await EndToEnd.with { system in
            let database = try TestURL(system.database.url)
            try await withFaultProxy(to: database.port) { proxy in
                proxy.open()
                try await system.serve(environment: ["DATABASE_URL": database.port(proxy.port)]) { _, client in
                    let task = try await client.makeLearningTask()
                    #expect(try await client.setStatus(of: task, to: "running").status == 200)
                    proxy.arm(.toServer, on: "tasks.setStatus", .loseReply)
                    #expect(try await client.setStatus(of: task, to: "success").status == 200)
                    #expect(proxy.hasFired)
                    #expect(try await system.delivered().map(\.text) == [task.learningMessage])

                    // Within the transaction, after its statements: nothing of it is left, and it is run again.
                    proxy.arm(.toServer, on: "idempotency_keys.keep", .reset)
                    let headers = ["idempotency-key": "k"]
                    for _ in 0..<2 {
                        #expect(try await client.setStatus(of: task, to: "failed", headers: headers).status == 200)
                    }
                    #expect(try await system.delivered().count == 1)
                }
            }
        }
    }

    @Test("keys that have expired are removed by the service")
    func purge() async throws {
        try await EndToEnd.with { system in
            try await system.database.script(
                """
                INSERT INTO skillrelay.idempotency_keys (project_id, key, fingerprint, expires_at)
                SELECT gen_random_uuid(), 'k' || n, decode(repeat('00', 32), 'hex'), now() + n * interval '1 hour'
                FROM generate_series(-2500, 1) AS n
                """
            )
            try await system.serve { _, _ in
                try await eventually("only the one that has not expired is left") {
                    try await system.database.value("SELECT count(*) FROM skillrelay.idempotency_keys") == 1
                }
            }
        }
    }
}
