import Support
import Testing

@testable import RabbitMQ

@Suite("Publishing to a real broker", .timeLimit(.minutes(1)))
struct PublishTests {
    @Test("a routed message arrives byte for byte, with its properties and headers")
    func roundTrip() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
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
        }
    }

    @Test("an unroutable message is returned with 312, the others of its batch are routed")
    func unroutable() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            let outcomes = await connection.publish([.to(queue), .to("nowhere.\(queue)"), .to(queue)])
            #expect(outcomes == [.routed, .returned(code: .noRoute, text: "NO_ROUTE"), .routed])
            #expect(try await connection.queueMessageCount(queue) == 2)
        }
    }

    @Test("a missing exchange makes the batch unknown with 404, and the next publish works")
    func missingExchange() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            var lost = RabbitMQMessage.to(queue)
            lost.exchange = Broker.uniqueName("exchange")
            let outcomes = await connection.publish([lost])
            #expect(outcomes.map { $0.unknownError?.code } == [.channelClosed])
            #expect(outcomes.map { $0.unknownError?.replyCode } == [.notFound])
            #expect(await connection.publish([.to(queue)]) == [.routed])
        }
    }

    @Test("a full queue that rejects publishes nacks")
    func queueFull() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(
                connection,
                arguments: ["x-max-length": .int(1), "x-overflow": .string("reject-publish")]
            )
            // One by one: while a batch runs, the queue takes what came before it noticed that it is full.
            var outcomes: [PublishOutcome] = []
            for _ in 0..<5 { outcomes += await connection.publish([.to(queue)]) }
            #expect(outcomes.first == .routed)
            #expect(outcomes.last == .nacked)
        }
    }

    @Test("5,000 messages are pipelined through the window, all routed, in order")
    func pipelined() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            let outcomes = await connection.publish((0..<5000).map { .to(queue, "\($0)") })
            #expect(outcomes.count(where: { $0 == .routed }) == 5000)

            let consumer = try await connection.consume(queue, prefetch: 500)
            var next = 0
            for try await delivery in consumer {
                #expect(delivery.message.body == Array("\(next)".utf8))
                next += 1
                if next % 250 == 0 { try await consumer.ack(delivery, multiple: true) }
                if next == 5000 { break }
            }
            #expect(next == 5000)
        }
    }

    @Test("concurrent publishers share the connection")
    func concurrentPublishers() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        await connection.publish((0..<50).map { _ in .to(queue) }).allSatisfy { $0 == .routed }
                    }
                }
                for await isRouted in group { #expect(isRouted) }
            }
            #expect(try await connection.queueMessageCount(queue) == 1000)
        }
    }

    @Test("a message that AMQP cannot carry is rejected, and the connection stays good")
    func tooLong() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            var headers = RabbitMQMessage.to(queue)
            headers.headers = ["large": .string(String(repeating: "x", count: 140_000))]
            let outcomes = await connection.publish([
                .to(queue), .to(queue, id: String(repeating: "i", count: 256)), headers,
                .to(String(repeating: "k", count: 256)), .to(queue),
            ])
            #expect(outcomes.first == .routed)
            #expect(
                outcomes[1...3].map { $0.rejectedError?.code } == [.invalidMessage, .invalidMessage, .invalidMessage])
            #expect(outcomes.last == .routed)
            #expect(connection.isOpen)
        }
    }

    @Test("headers that just fit one frame are carried")
    func largestHeaders() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            var message = RabbitMQMessage.to(queue, id: "largest")
            message.headers = ["h": .string("")]
            let frameBytes = 131_072  // what broker and client agree on by default
            let room = frameBytes - MessageLimits.headerBytes(of: message)
            message.headers = ["h": .string(String(repeating: "x", count: room))]
            #expect(await connection.publish([message]) == [.routed])
            message.headers = ["h": .string(String(repeating: "x", count: room + 1))]
            #expect(await connection.publish([message]).map { $0.rejectedError?.code } == [.invalidMessage])
            #expect(await connection.publish([.to(queue)]) == [.routed])
        }
    }

    @Test("a body larger than the window travels alone, and one of exactly a frame does not stall")
    func largeBodies() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            var large = RabbitMQMessage.to(queue)
            large.body = [UInt8](repeating: 7, count: 1_000_000)
            #expect(await connection.publish([.to(queue), large, .to(queue)]) == [.routed, .routed, .routed])

            // Each would wait 200 ms in the kernel for more to send.
            large.body = [UInt8](repeating: 7, count: 131_072 - 8)
            let started = ContinuousClock.now
            for _ in 0..<20 { #expect(await connection.publish([large]) == [.routed]) }
            #expect(ContinuousClock.now - started < .seconds(3))
        }
    }

    @Test("publishing nothing answers nothing")
    func nothing() async throws {
        try await Broker.withConnection { connection, _ in
            #expect(await connection.publish([]) == [])
        }
    }

    @Test("publishing on a closed connection answers that nothing was sent")
    func closed() async throws {
        let connection = try await Broker.connect(Broker.configuration())
        await connection.close()
        #expect(await connection.publish([.to("q")]).map { $0.unsentError?.code } == [.closed])
        #expect(await connection.waitUntilClosed().code == .closed)
        #expect(!connection.isOpen)
    }
}
