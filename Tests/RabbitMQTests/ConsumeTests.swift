import RabbitMQ
import Support
import Testing

@Suite("Consuming from a real broker", .timeLimit(.minutes(1)))
struct ConsumeTests {
    @Test("the broker sends no more than the prefetch count before an ack")
    func prefetch() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            _ = await connection.publish((0..<10).map { .to(queue, "\($0)") })
            let consumer = try await connection.consume(queue, prefetch: 3)
            try await eventually("three messages leave the queue") {
                try await connection.queueMessageCount(queue) == 7
            }
            var iterator = consumer.makeAsyncIterator()
            let first = try #require(try await iterator.next())
            try await consumer.ack(first)
            try await eventually("a fourth leaves it after an ack") {
                try await connection.queueMessageCount(queue) == 6
            }
        }
    }

    @Test("a requeued message comes again, marked; one that is not requeued is gone")
    func nack() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            _ = await connection.publish([.to(queue)])
            let consumer = try await connection.consume(queue)
            var iterator = consumer.makeAsyncIterator()
            let first = try #require(try await iterator.next())
            #expect(!first.redelivered)
            try await consumer.nack(first, requeue: true)
            let second = try #require(try await iterator.next())
            #expect(second.redelivered)
            #expect(second.message == first.message)
            try await consumer.nack(second, requeue: false)
            await consumer.cancel()
            #expect(try await connection.queueMessageCount(queue) == 0)
        }
    }

    @Test("cancelling ends the sequence, gives unacknowledged messages back, and refuses late acks")
    func cancel() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            _ = await connection.publish([.to(queue), .to(queue)])
            let consumer = try await connection.consume(queue)
            var iterator = consumer.makeAsyncIterator()
            let delivery = try #require(try await iterator.next())
            await consumer.cancel()
            #expect(try await iterator.next() == nil)
            let error = await #expect(throws: RabbitMQError.self) { try await consumer.ack(delivery) }
            #expect(error?.code == .closed)
            try await eventually("both messages are back") { try await connection.queueMessageCount(queue) == 2 }
        }
    }

    @Test("letting go of a consumer cancels it")
    func letGo() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            _ = try await connection.consume(queue)
            _ = await connection.publish([.to(queue)])
            try await eventually("the message is back") { try await connection.queueMessageCount(queue) == 1 }
        }
    }

    @Test("deleting the queue ends the sequence with an error, the connection lives on")
    func queueDeleted() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            let consumer = try await connection.consume(queue)
            try await connection.deleteQueue(queue)
            var iterator = consumer.makeAsyncIterator()
            let error = await #expect(throws: RabbitMQError.self) { try await iterator.next() }
            #expect(error?.code == .consumerCancelled)
            let other = try await Broker.declareQueue(connection)
            _ = try await connection.consume(other)
        }
    }

    @Test("acknowledging twice closes the consumer's channel with 406, the connection lives on")
    func doubleAck() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            _ = await connection.publish([.to(queue)])
            let consumer = try await connection.consume(queue)
            var iterator = consumer.makeAsyncIterator()
            let delivery = try #require(try await iterator.next())
            try await consumer.ack(delivery)
            try await consumer.ack(delivery)
            let error = await #expect(throws: RabbitMQError.self) { try await iterator.next() }
            #expect(error?.replyCode == .preconditionFailed)
            #expect(await connection.publish([.to(queue)]) == [.routed])
        }
    }

    @Test("consuming from a missing queue is refused with 404, and the next consumer works")
    func missingQueue() async throws {
        try await Broker.withConnection { connection, _ in
            let error = await #expect(throws: RabbitMQError.self) {
                _ = try await connection.consume(Broker.uniqueName("missing"))
            }
            #expect(error?.replyCode == .notFound)
            let queue = try await Broker.declareQueue(connection)
            _ = try await connection.consume(queue)
        }
    }

    @Test("a cancelled task stops waiting for deliveries, and the next one is not lost")
    func cancelledIteration() async throws {
        try await Broker.withConnection { connection, _ in
            let queue = try await Broker.declareQueue(connection)
            let consumer = try await connection.consume(queue)
            let waiting = Task {
                var iterator = consumer.makeAsyncIterator()
                return try await iterator.next() == nil
            }
            waiting.cancel()
            #expect(try await waiting.value)
            _ = await connection.publish([.to(queue)])
            var iterator = consumer.makeAsyncIterator()
            #expect(try await iterator.next() != nil)
        }
    }

    @Test("the end of the connection ends the sequence")
    func connectionClosed() async throws {
        let connection = try await Broker.connect(Broker.configuration())
        let consumer = try await connection.consume(try await Broker.declareQueue(connection))
        await connection.close()
        var iterator = consumer.makeAsyncIterator()
        let error = await #expect(throws: RabbitMQError.self) { try await iterator.next() }
        #expect(error?.code == .closed)
    }
}
