import Foundation
import RabbitMQ
import Support
import Testing

@testable import App

@Suite("consume on a broker")
struct ConsumeTests {
    private struct Printed: Decodable {
        let message_id: String?
        let redelivered: Bool
        let exchange: String
        let routing_key: String
        let type: String?
        let headers: [String: String]
        let body: String
    }

    private func message(_ id: String, body: String = "{}") -> RabbitMQMessage {
        RabbitMQMessage(
            exchange: RabbitMQConnection.coreExchange,
            routingKey: RabbitMQConnection.coreRoutingKey,
            body: Array(body.utf8),
            messageID: id,
            type: "SkillLearnTask",
            headers: ["traceparent": .string("00-1")]
        )
    }

    private func lines(_ process: ServiceProcess) -> [Substring] {
        process.output.split(separator: "\n")
    }

    @Test("each message is printed once, a repeated id is dropped, and --limit ends it", .timeLimit(.minutes(2)))
    func printsOnce() async throws {
        try await withTestVhost { vhost in
            let arguments = ["consume", "--limit", "2", "--json"]
            try await withService(arguments, environment: ["RABBITMQ_URL": vhost.url]) { process in
                try await vhost.withConnection { connection in
                    // Equal declarations both ways: the test's are CORE's.
                    try await vhost.declareCore()
                    for (id, body) in [("a", #"{"n":1}"#), ("a", #"{"n":1}"#), ("b", "two\nlines \"quoted\"")] {
                        _ = await connection.publish([self.message(id, body: body)])
                    }
                }
                let exit = try await process.exit()
                #expect(exit == .exited(0))
                let printed = try self.lines(process).map {
                    try JSONDecoder().decode(Printed.self, from: Data($0.utf8))
                }
                #expect(printed.map(\.message_id) == ["a", "b"])
                #expect(printed.map(\.body) == [#"{"n":1}"#, "two\nlines \"quoted\""])
                let first = try #require(printed.first)
                #expect(first.exchange == "learning.skill")
                #expect(first.routing_key == "learning.skill.distill")
                #expect(first.type == "SkillLearnTask")
                #expect(first.headers["traceparent"] == "00-1")
                #expect(!first.redelivered)
            }
            #expect(try await vhost.peek(RabbitMQConnection.coreQueue).isEmpty)
        }
    }

    @Test("SIGTERM and SIGINT end it with 0", .timeLimit(.minutes(2)), arguments: [SIGTERM, SIGINT])
    func signals(number: Int32) async throws {
        try await withTestVhost { vhost in
            try await vhost.declareCore()
            try await vhost.withConnection { connection in
                _ = await connection.publish([self.message("a", body: "hello")])
            }
            try await withService(["consume"], environment: ["RABBITMQ_URL": vhost.url]) { process in
                try await eventually("the message is printed") { self.lines(process).last == "hello" }
                #expect(self.lines(process).first == "a SkillLearnTask learning.skill/learning.skill.distill")
                process.signal(number)
                let exit = try await process.exit()
                #expect(exit == .exited(0))
            }
        }
    }

    @Test("when its queue is deleted it declares the queue again and goes on", .timeLimit(.minutes(2)))
    func reconnects() async throws {
        try await withTestVhost { vhost in
            try await vhost.declareCore()
            try await vhost.withConnection { connection in
                _ = await connection.publish([self.message("a", body: "before")])
                try await withService(["consume", "--limit", "2"], environment: ["RABBITMQ_URL": vhost.url]) {
                    process in
                    try await eventually("the first is printed") { self.lines(process).last == "before" }
                    try await connection.deleteQueue(RabbitMQConnection.coreQueue)
                    try await eventually("the queue is back") {
                        let outcome = await connection.publish([self.message("b", body: "after")]).first
                        if case .routed = outcome { return true } else { return false }
                    }
                    let exit = try await process.exit()
                    #expect(exit == .exited(0))
                    #expect(self.lines(process).last == "after")
                }
            }
        }
    }

    @Test("a queue that an install declared with another ttl is used as it is", .timeLimit(.minutes(2)))
    func otherTTL() async throws {
        try await withTestVhost { vhost in
            try await vhost.withConnection { connection in
                try await connection.declareExchange(RabbitMQConnection.coreExchange)
                try await connection.declareQueue(
                    RabbitMQConnection.coreQueue,
                    arguments: ["x-message-ttl": .int(1_000_000)]
                )
                try await connection.bindQueue(
                    RabbitMQConnection.coreQueue,
                    exchange: RabbitMQConnection.coreExchange,
                    routingKey: RabbitMQConnection.coreRoutingKey
                )
                _ = await connection.publish([self.message("a", body: "hello")])
            }
            try await withService(["consume", "--limit", "1"], environment: ["RABBITMQ_URL": vhost.url]) { process in
                let exit = try await process.exit()
                #expect(exit == .exited(0))
                #expect(self.lines(process).last == "hello")
            }
        }
    }
}
