package import Foundation
package import Logging
import Metrics
package import RabbitMQ
import ServiceLifecycle
import Synchronization

/// Publishes events over one RabbitMQ connection and keeps that connection: reconnects with capped exponential backoff and full jitter.
package final class RabbitMQEventPublisher: EventPublisher, Service {
    private let configuration: RabbitMQConfiguration
    private let exchanges: [String]
    private let retryPolicy: RetryPolicy
    private let logger: Logger

    private struct State {
        var link: RabbitMQLink?
        /// Why there is none.
        var error: String? = "not connected yet"
        /// Of connections that have ended.
        var lateDeliveries: [UUID] = []
    }

    private let state = Mutex(State())
    private let connects = Counters<ConnectResult>("rabbitmq.connects", by: "result")
    private let disconnects = Counter(label: "rabbitmq.disconnects")

    private enum ConnectResult: String, CaseIterable { case ok, failed }

    /// The longest that one `publish` takes. Nothing is begun later than one publish timeout after its begin; what is under way by then
    /// has to be handed over, or to open the channel, and to wait for its confirms.
    package static func longestPublish(_ configuration: RabbitMQConfiguration) -> Duration {
        configuration.publishTimeout * 2 + configuration.operationTimeout
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
        self.state.withLock { $0.link?.isReady ?? false && $0.lateDeliveries.isEmpty }
    }

    package var condition: BrokerCondition {
        self.state.withLock { state in
            guard let link = state.link else { return BrokerCondition(.away, error: state.error) }
            return link.blockedReason.map { BrokerCondition(.blocked, error: $0) } ?? BrokerCondition(.connected)
        }
    }

    package var takesSeveral: Bool {
        self.state.withLock { $0.link?.isProven ?? false }
    }

    package func publish(_ events: [ClaimedEvent], asProbe: Bool = false) async -> [DeliveryOutcome] {
        guard let link = self.state.withLock({ $0.link }) else {
            return events.map { _ in .unsent("not connected to RabbitMQ") }
        }
        return await link.publish(events, asProbe: asProbe)
    }

    package func takeLateDeliveries() -> [UUID] {
        self.state.withLock { state in
            defer { state.lateDeliveries = [] }
            return state.lateDeliveries + (state.link?.takeLateDeliveries() ?? [])
        }
    }

    /// Keeps a connection until graceful shutdown or cancellation, then closes it.
    package func run() async {
        await cancelWhenGracefulShutdown {
            var backoff = ReconnectBackoff(policy: self.retryPolicy)
            var lastFailure: String?
            while !Task.isCancelled {
                let delay: Duration
                do throws(RabbitMQError) {
                    let connection = try await RabbitMQConnection.connect(self.configuration, logger: self.logger)
                    self.connects.increment(.ok)
                    self.logger.notice("Connected to RabbitMQ")
                    lastFailure = nil
                    let (reason, life) = await self.serve(connection)
                    guard !Task.isCancelled else { return }
                    self.disconnects.increment()
                    self.state.withLock { $0.error = "\(reason)" }
                    self.logger.warning("RabbitMQ connection lost, events wait", error: reason)
                    delay = backoff.ended(life)
                } catch {
                    guard !Task.isCancelled else { return }
                    self.connects.increment(.failed)
                    // An outage is told once, not with each attempt.
                    let isNew = lastFailure != "\(error)"
                    lastFailure = "\(error)"
                    self.state.withLock { $0.error = "\(error)" }
                    self.logger.log(
                        level: isNew ? .warning : .debug,
                        "RabbitMQ cannot be reached, events wait",
                        error: error
                    )
                    delay = backoff.notConnected(isRefused: error.code == .refused)
                }
                try? await Task.sleep(for: delay)  // cancelled: the loop ends
            }
        }
    }

    /// Lends the connection to `publish` until it ends; says why it did, and what it was worth.
    private func serve(_ connection: RabbitMQConnection) async -> (RabbitMQError, ReconnectBackoff.Life) {
        let start = ContinuousClock.now
        let link = RabbitMQLink(
            connection: connection, ownExchanges: self.exchanges, sendingLimit: self.configuration.publishTimeout,
            logger: self.logger
        )
        await link.declareOwnExchanges()
        self.state.withLock { $0.link = link }
        defer {
            self.state.withLock { state in
                state.link = nil
                // Confirmed before the connection ended, and not yet asked for.
                state.lateDeliveries += link.takeLateDeliveries()
            }
        }
        let reason = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Ends only by cancellation: of this service, or below because the connection is gone.
                while (try? await Task.sleep(for: .seconds(3600))) != nil {}
                await connection.close()
            }
            let reason = await connection.waitUntilClosed()
            group.cancelAll()
            return reason
        }
        let life = await ReconnectBackoff.Life(
            duration: ContinuousClock.now - start, isTried: link.isTried, isProven: link.isProven
        )
        return (reason, life)
    }
}
