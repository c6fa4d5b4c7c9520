import Foundation
import Glibc
import RabbitMQ
import Support
import Testing

/// A replay whose relay dies.
@Suite(.timeLimit(.minutes(3)))
struct EndToEndReplayTests {
    @Test(
        "a replay killed half-way is run on by the next instance: every event once, but for the batches in flight")
    func killed() async throws {
        try await EndToEnd.with { system in
            let count = 6000
            try await system.database.script(
                """
                SELECT skillrelay.enqueue('\(RabbitMQConnection.coreExchange)', '\(RabbitMQConnection.coreRoutingKey)', '{}')
                FROM generate_series(1, \(count))
                """)
            try await system.serve { service, _ in
                #expect(try await system.delivered().count == count)
                try await Self.askForReplay(system)
                try await eventually("it is under way") { try await Self.queued(system) >= 1500 }
                service.signal(SIGKILL)
                #expect(try await service.exit() == .killed(signal: SIGKILL))
            }
            #expect(try await Self.queued(system) < count)
            try await system.serve { _, _ in
                try await eventually("the run is done", within: .seconds(60)) {
                    try await system.database.value("SELECT state FROM skillrelay.replays", as: String.self) == "done"
                }
                #expect(try await Self.queued(system) == count)
                let messages = try await system.delivered()
                #expect(Set(messages.map(\.messageID)) == Set(try await system.eventIDs()))
                // The two batches in flight may be repeated, and nothing else.
                #expect(messages.count <= count + 2 * 256)
                #expect(messages.allSatisfy { $0.headers["x-replay-id"] != nil })
            }
        }
    }

    private static func askForReplay(_ system: EndToEnd) async throws {
        let exit = try await Support.withService(
            ["outbox", "replay", "--rate", "1000", "--reason", "a test", "--yes", "--detach"],
            environment: ["DATABASE_URL": system.database.url]
        ) { command in try await command.exit() }
        #expect(exit == .exited(0))
    }

    private static func queued(_ system: EndToEnd) async throws -> Int {
        try await system.database.value("SELECT queued FROM skillrelay.replays", as: Int.self)
    }
}
