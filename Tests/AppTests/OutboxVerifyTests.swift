import Foundation
import RabbitMQ
import Support
import Testing

/// `skillrelay outbox verify` from outside.
@Suite("outbox verify", .timeLimit(.minutes(2)))
struct OutboxVerifyTests {
    private struct Report: Decodable {
        struct Finding: Decodable {
            let count: Int
            let ids: [String]
        }
        struct Tap: Decodable {
            let messages: Int
            let repeated: Int
            let foreign: Int
            let delivered: Int
            let missing: Finding
            let stray: Finding
        }
        let committed: Int
        let delivered: Int
        let missing: Finding
        let stray: Finding
        let tap: Tap?
    }

    private func verify(
        _ system: EndToEnd,
        _ arguments: [String]
    ) async throws -> (exit: ServiceProcess.Exit, output: String) {
        try await Support.withService(
            ["outbox", "verify"] + arguments,
            environment: ["DATABASE_URL": system.database.url, "RABBITMQ_URL": system.vhost.url]
        ) { command in
            (try await command.exit(), command.output)
        }
    }

    private func decode(_ output: String) throws -> Report {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(output.utf8))
    }

    @Test("a tap agrees with the outbox, twice, because reading leaves it as it is; a theft is told")
    func tap() async throws {
        try await EndToEnd.with { system in
            try await system.vhost.withConnection { connection in
                try await connection.declareQueue("tap")
                try await connection.bindQueue(
                    "tap", exchange: RabbitMQConnection.coreExchange,
                    routingKey: RabbitMQConnection.coreRoutingKey)
            }
            let bound = Date().formatted(.iso8601)
            try await system.serve { _, client in
                for _ in 0..<3 {
                    let task = try await client.makeLearningTask()
                    #expect(try await client.setStatus(of: task, to: "success").status == 200)
                }
                try await eventually("all is delivered") {
                    try await system.database.value("SELECT pending FROM skillrelay.relay_status", as: Int.self) == 0
                }
            }
            let arguments = ["--tap", "tap", "--since", bound, "--json"]
            for _ in 0..<2 {
                let result = try await self.verify(system, arguments)
                #expect(result.exit == .exited(0))
                let report = try self.decode(result.output)
                #expect(report.committed == 3 && report.delivered == 3)
                let tap = try #require(report.tap)
                let counts: [Int] = [tap.messages, tap.repeated, tap.foreign, tap.delivered]
                #expect(counts == [3, 0, 0, 3])
                #expect(tap.missing.count == 0 && tap.stray.count == 0)
            }

            try await system.vhost.withConnection { connection in
                let consumer = try await connection.consume("tap", prefetch: 1)
                for try await delivery in consumer {
                    try await consumer.ack(delivery)
                    break
                }
            }
            let robbed = try await self.verify(system, arguments)
            #expect(robbed.exit == .exited(1))
            #expect(try self.decode(robbed.output).tap?.missing.count == 1)
        }
    }

    @Test("an event that is in no book ends it with 1 and is named")
    func missing() async throws {
        try await EndToEnd.with { system in
            try await system.database.script(
                "SELECT skillrelay.enqueue('e', 'k', ''); DELETE FROM skillrelay.outbox_pending"
            )
            let id = try #require(try await system.eventIDs().first)
            let result = try await self.verify(system, [])
            #expect(result.exit == .exited(1))
            #expect(result.output.contains("1 missing: committed"))
            #expect(result.output.contains(id))
        }
    }
}
