import RabbitMQ
import Testing

@Suite("Publishing to a real broker", .timeLimit(.minutes(1)))
struct PublishTests {
    @Test("a routed message arrives byte for byte, with its properties and headers")
    func roundTrip() async throws {
        try await Broker.withQueue { connection, queue in
            let sent = RabbitMQMessage(
                exchange: "",
                routingKey: queue,
                body: Array(0...255),
                messageID: "id-ü",
                type: "SkillLearnTask",
                contentType: "application/json",
                appID: "skillrelay",
                timestamp: 1_700_000_000,
                headers: ["text": .string("héllo\0"), "number": .int(-5), "flag": .bool(true)]
            )
            #expect(await connection.publish([sent]) == [.routed])

            let consumer = try await connection.consume(queue)
            var iterator = consumer.makeAsyncIterator()
            let delivery = try #require(try await iterator.next())
            #expect(delivery.message == sent)
            #expect(!delivery.redelivered)
            try await consumer.ack(delivery)
            await consumer.cancel()
            #expect(try await iterator.next() == nil)
        }
    }
}
