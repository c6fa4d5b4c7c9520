import Foundation
package import RabbitMQ
import Synchronization

/// What CORE would have received: declares its topology, takes every message, acknowledges it and remembers it.
package final class Inbox: Sendable {
    private let connection: RabbitMQConnection
    private let received = Mutex<[RabbitMQMessage]>([])

    fileprivate init(connection: RabbitMQConnection) {
        self.connection = connection
    }

    /// Everything that has arrived so far, repeats included, in order.
    package var messages: [RabbitMQMessage] {
        self.received.withLock { $0 }
    }

    /// Everything that was in the queue when this was called, and all before it: repeats included, in order.
    ///
    /// Sends a marker through the queue and waits for it, so nothing has to be waited for that may not come.
    package func settled(within limit: Duration = .seconds(20)) async throws -> [RabbitMQMessage] {
        let marker = UUID().uuidString
        let outcome = await self.connection.publish([
            RabbitMQMessage(
                exchange: RabbitMQConnection.coreExchange,
                routingKey: RabbitMQConnection.coreRoutingKey,
                body: [],
                messageID: marker
            )
        ])
        guard case .routed? = outcome.first else { throw TestError("the marker was not routed: \(outcome)") }
        try await eventually("the marker arrives", within: limit) {
            self.received.withLock { $0.contains { $0.messageID == marker } }
        }
        return self.received.withLock { received in
            received.removeAll { $0.messageID == marker }
            return received
        }
    }

    /// Waits until at least this many messages have arrived.
    package func waitFor(_ count: Int, within limit: Duration = .seconds(20)) async throws {
        do {
            try await eventually("\(count) messages arrive", within: limit) {
                self.received.withLock { $0.count } >= count
            }
        } catch let error as TestError {
            throw TestError("\(error), only \(self.messages.count) did")
        }
    }

    fileprivate func record(_ message: RabbitMQMessage) {
        self.received.withLock { $0.append(message) }
    }
}

/// Lends an inbox that listens in the virtual host until `body` returns.
package func withInbox<Result: Sendable>(
    in vhost: TestVhost,
    _ body: (Inbox) async throws -> Result
) async throws -> Result {
    try await vhost.withConnection { connection in
        try await connection.declareCore()
        let consumer = try await connection.consume(RabbitMQConnection.coreQueue, prefetch: 256)
        let inbox = Inbox(connection: connection)
        // Owned by this scope: it ends with the consumer, before the connection closes.
        let reading = Task {
            for try await delivery in consumer {
                inbox.record(delivery.message)
                try await consumer.ack(delivery)
            }
        }
        return try await cleaningUp {
            try await body(inbox)
        } afterwards: {
            await consumer.cancel()
            try await reading.value
        }
    }
}
