package import Logging
package import RabbitMQ
import ServiceLifecycle
import Synchronization

/// Publishes events over one RabbitMQ connection and keeps that connection: reconnects with capped exponential backoff and full jitter.
package final class RabbitMQEventPublisher: EventPublisher, Service {
    private let configuration: RabbitMQConfiguration
    private let exchanges: [String]
    private let retryPolicy: RetryPolicy
    private let logger: Logger
    private let link = Mutex<RabbitMQLink?>(nil)

    /// The longest that one `publish` takes: the canary, the window, what a closed channel left open and its last event; and opening the
    /// channel twice.
    package static func longestPublish(_ configuration: RabbitMQConfiguration) -> Duration {
        configuration.publishTimeout * 4 + configuration.operationTimeout * 2
    }

    /// `exchanges` are direct durable exchanges of ours, declared on every connection if absent.
    package init(
        configuration: RabbitMQConfiguration,
        exchanges: [String],
        retryPolicy: RetryPolicy = RetryPolicy(),
        logger: Logger
    ) {
        self.configuration = configuration
        self.exchanges = exchanges
        self.retryPolicy = retryPolicy
        self.logger = logger
    }

    package var isReady: Bool {
        self.link.withLock { $0 }?.isReady ?? false
    }

    package func publish(_ events: [ClaimedEvent]) async -> [DeliveryOutcome] {
        guard let link = self.link.withLock({ $0 }) else {
            return events.map { _ in .unsent("not connected to RabbitMQ") }
        }
        return await link.publish(events)
    }

    /// Keeps a connection until graceful shutdown or cancellation, then closes it.
    package func run() async {
        await cancelWhenGracefulShutdown {
            var failures = 0
            while !Task.isCancelled {
                do {
                    let connection = try await RabbitMQConnection.connect(self.configuration, logger: self.logger)
                    self.logger.notice("Connected to RabbitMQ")
                    let start = ContinuousClock.now
                    let reason = await self.serve(connection)
                    // A broker that takes connections and drops them at once is no better than one that is away.
                    if ContinuousClock.now - start > self.retryPolicy.cap { failures = 0 }
                    guard !Task.isCancelled else { return }
                    self.logger.warning("RabbitMQ connection lost, events wait", error: reason)
                } catch {
                    guard !Task.isCancelled else { return }
                    self.logger.warning("RabbitMQ cannot be reached, events wait", error: error)
                }
                failures += 1
                try? await Task.sleep(for: self.retryPolicy.delay(afterFailures: failures))  // cancelled: the loop ends
            }
        }
    }

    /// Lends the connection to `publish` until it ends, and says why it did.
    private func serve(_ connection: RabbitMQConnection) async -> RabbitMQError {
        let link = RabbitMQLink(
            connection: connection, ownExchanges: self.exchanges, isolationLimit: self.configuration.publishTimeout,
            logger: self.logger
        )
        await link.declareOwnExchanges()
        self.link.withLock { $0 = link }
        defer { self.link.withLock { $0 = nil } }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Ends only by cancellation: of this service, or below because the connection is gone.
                while (try? await Task.sleep(for: .seconds(3600))) != nil {}
                await connection.close()
            }
            let reason = await connection.waitUntilClosed()
            group.cancelAll()
            return reason
        }
    }
}
