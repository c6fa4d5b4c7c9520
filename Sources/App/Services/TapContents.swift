import Foundation
import Logging
import RabbitMQ

/// What a tap queue holds. Reading leaves it there.
struct TapContents: Sendable {
    private(set) var ids: Set<UUID> = []
    private(set) var messageCount = 0
    /// Messages whose id another one in the tap has.
    private(set) var repeatedCount = 0
    /// Messages without an id that could be an event's.
    private(set) var foreignCount = 0

    /// Reads what is in the queue now, acknowledges nothing and so gives it all back, in its order.
    ///
    /// - Throws: `RabbitMQError`; `TapError` when the queue gives less than it holds.
    static func read(_ queue: String, configuration: RabbitMQConfiguration, logger: Logger) async throws -> Self {
        let connection = try await RabbitMQConnection.connect(configuration, logger: logger)
        let contents = await Result { try await Self.read(queue, from: connection) }
        await connection.close()
        return try contents.get()
    }

    private static func read(_ queue: String, from connection: RabbitMQConnection) async throws -> Self {
        let expected = try await connection.queueMessageCount(queue)
        var contents = Self()
        guard expected > 0 else { return contents }
        let consumer = try await connection.consume(queue, prefetch: 0)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Another consumer may have taken some meanwhile: the rest never comes.
                try await Task.sleep(for: Self.patience)
                await consumer.cancel()
            }
            for try await delivery in consumer {
                contents.add(delivery.message.messageID)
                if contents.messageCount == expected { break }
            }
            group.cancelAll()
            guard contents.messageCount == expected else {
                throw TapError(queue: queue, expected: expected, received: contents.messageCount)
            }
            return contents
        }
    }

    private static let patience = Duration.seconds(120)

    private mutating func add(_ messageID: String) {
        self.messageCount += 1
        guard let id = UUID(uuidString: messageID) else {
            self.foreignCount += 1
            return
        }
        if !self.ids.insert(id).inserted { self.repeatedCount += 1 }
    }
}

/// A tap gave less than it holds.
struct TapError: Error, CustomStringConvertible {
    let queue: String
    let expected: Int
    let received: Int

    var description: String {
        "the queue \(self.queue) holds \(self.expected) messages and gave \(self.received): does somebody else read it?"
    }
}
