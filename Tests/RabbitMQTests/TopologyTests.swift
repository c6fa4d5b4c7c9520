import RabbitMQ
import Testing

@Suite("Topology on a real broker", .timeLimit(.minutes(1)))
struct TopologyTests {
    @Test("messages follow a binding from a declared exchange")
    func binding() async throws {
        try await Broker.withConnection { connection, _ in
            let exchange = Broker.uniqueName("exchange")
            let queue = try await Broker.declareQueue(connection)
            try await connection.declareExchange(exchange, durable: false)
            try await connection.declareExchange(exchange, durable: false)
            try await connection.declareExchange(exchange, passive: true)
            try await connection.bindQueue(queue, exchange: exchange, routingKey: "key")
            let message = RabbitMQMessage(exchange: exchange, routingKey: "key", body: [], messageID: "1")
            #expect(await connection.publish([message]) == [.routed])
            try await connection.deleteExchange(exchange)
            #expect(try await connection.queueMessageCount(queue) == 1)
        }
    }

    @Test("declaring differently is refused with 406, and the connection goes on")
    func declaredDifferently() async throws {
        try await Broker.withConnection { connection, _ in
            let exchange = Broker.uniqueName("exchange")
            try await connection.declareExchange(exchange, type: "direct", durable: false)
            let error = await #expect(throws: RabbitMQError.self) {
                try await connection.declareExchange(exchange, type: "fanout", durable: false)
            }
            #expect(error?.code == .channelClosed)
            #expect(error?.replyCode == .preconditionFailed)
            #expect(error?.description == "declaring exchange '\(exchange)' failed: 406 PRECONDITION_FAILED")
            #expect(error?.brokerText?.contains("inequivalent arg 'type'") == true)
            try await connection.deleteExchange(exchange)
        }
    }

    @Test("asking for what does not exist is refused with 404")
    func missing() async throws {
        try await Broker.withConnection { connection, _ in
            let name = Broker.uniqueName("missing")
            let exchange = await #expect(throws: RabbitMQError.self) {
                try await connection.declareExchange(name, passive: true)
            }
            #expect(exchange?.replyCode == .notFound)
            let queue = await #expect(throws: RabbitMQError.self) { _ = try await connection.queueMessageCount(name) }
            #expect(queue?.replyCode == .notFound)
        }
    }

    @Test("a name that AMQP cannot carry is refused here, and the connection goes on")
    func tooLong() async throws {
        try await Broker.withConnection { connection, _ in
            let error = await #expect(throws: RabbitMQError.self) {
                try await connection.deleteQueue(String(repeating: "q", count: 256))
            }
            #expect(error?.code == .invalidMessage)
            _ = try await Broker.declareQueue(connection)
        }
    }
}
