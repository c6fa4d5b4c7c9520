import Postgres
import RabbitMQ
import Support
import Testing

/// Several instances at work on one outbox.
@Suite(.timeLimit(.minutes(5)))
struct EndToEndInstancesTests {
    @Test("two instances deliver 20,000 events: none lost, none twice")
    func twoInstances() async throws {
        try await EndToEnd.with { system in
            try await system.serve { _, first in
                try await system.serve { _, second in
                    // Both relays are at it while events keep coming, from another service's transactions and over HTTP.
                    async let overHTTP: Void = Self.finishTasks(50, through: [first, second])
                    for batch in 0..<19 {
                        try await system.enqueue(1000, batch: batch)
                    }
                    try await system.enqueue(900, batch: 19)
                    try await overHTTP

                    let messages = try await system.delivered(within: .seconds(180))
                    let events = try await system.eventIDs()
                    #expect(events.count == 20_000)
                    #expect(messages.count == 20_000)
                    #expect(messages.map(\.messageID).sorted() == events)
                }
            }
        }
    }

    /// Marks so many tasks through each instance.
    private static func finishTasks(_ count: Int, through clients: [ProjectClient]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients {
                group.addTask {
                    let session = try await client.makeSession()
                    try await client.learn(from: session)
                    for _ in 0..<count {
                        let task = try await client.makeTask(in: session)
                        #expect(try await client.setStatus(of: task, to: "success").status == 200)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

extension EndToEnd {
    /// Enqueues events as any service may: in a transaction of its own, in SQL.
    fileprivate func enqueue(_ count: Int, batch: Int) async throws {
        _ = try await self.database.values(
            """
            SELECT skillrelay.enqueue('learning.skill', 'learning.skill.distill',
                convert_to(format('{"batch":%s,"n":%s}', $1, n), 'UTF8'), '{}', 'SkillLearnTask') IS NOT NULL
            FROM generate_series(1, $2) AS n
            """,
            [.int4(Int32(batch)), .int4(Int32(count))],
            as: Bool.self
        )
    }
}
