import Logging
import RabbitMQ
import ServiceLifecycle

/// Prints messages of the learning queue until the limit is reached or the process is told to stop.
struct MessagePrinter: Service {
    let configuration: RabbitMQConfiguration
    /// Nil: no end.
    let limit: Int?
    let isJSON: Bool
    let logger: Logger

    /// - Throws: `RabbitMQError` when the broker cannot be reached at the start; later it is waited for.
    func run() async throws {
        var progress = Progress(remaining: self.limit)
        var connection = try await RabbitMQConnection.connect(self.configuration, logger: self.logger)
        while true {
            let isDone = try await self.printMessages(from: connection, progress: &progress)
            await connection.close()
            guard !isDone, let next = await self.reconnect() else { return }
            connection = next
        }
    }

    private struct Progress {
        var remaining: Int?
        /// From the first time on; until then a failure is final, as for any command.
        var hasConsumed = false
        var seen = RecentIDs(capacity: 10_000)
    }

    /// - Returns: true when no more messages are wanted, false when the connection ended.
    private func printMessages(from connection: RabbitMQConnection, progress: inout Progress) async throws -> Bool {
        do {
            try await LearningQueue.declare(on: connection)
            // None remains when only the last ack was lost; zero would be no bound.
            let prefetch = UInt16(min(max(progress.remaining ?? 32, 1), 32))
            let consumer = try await connection.consume(LearningQueue.name, prefetch: prefetch)
            progress.hasConsumed = true
            for try await delivery in consumer.cancelOnGracefulShutdown() {
                try self.show(delivery, progress: &progress)
                try await consumer.ack(delivery)
                if progress.remaining == 0 { return true }
            }
        } catch let error as RabbitMQError where error.isRetryable && progress.hasConsumed {
            self.logger.warning("consuming was interrupted", error: error)
        }
        return Task.isShuttingDownGracefully
    }

    /// Acknowledging comes after this: a message that could not be printed goes back to its queue.
    private func show(_ delivery: RabbitMQDelivery, progress: inout Progress) throws {
        let id = delivery.message.messageID
        guard id.isEmpty || progress.seen.insert(id) else {
            self.logger.info("duplicate dropped", metadata: [LogKey.messageID: "\(id)"])
            return
        }
        if self.isJSON {
            try Output.json(PrintedMessage(delivery: delivery))
        } else {
            for line in PrintedMessage(delivery: delivery).lines { try Output.line(line) }
        }
        progress.remaining = progress.remaining.map { $0 - 1 }
    }

    /// - Returns: nil when the process is told to stop meanwhile.
    private func reconnect() async -> RabbitMQConnection? {
        while true {
            do {
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.reconnectInterval) }
                return try await RabbitMQConnection.connect(self.configuration, logger: self.logger)
            } catch let error as RabbitMQError {
                self.logger.warning("RabbitMQ cannot be reached", error: error)
            } catch {
                return nil
            }
        }
    }

    private static let reconnectInterval = Duration.seconds(1)
}
