import Foundation
import RabbitMQ
import Support
import Synchronization

/// What CORE is: takes every message, notes it, then acknowledges it. Comes back by itself when its connection or queue goes.
final class Receiver: Sendable {
    private struct State {
        var consumer: RabbitMQConsumer?
        var isPaused = false
        var markers: Set<String> = []
        var lastArrival = ContinuousClock.now
        /// What this connection has received, oldest first; what is too old to be delivered again is forgotten.
        var recent: [(id: String, at: ContinuousClock.Instant)] = []
        /// The broker has died, and may have forgotten acknowledgements that it had not written yet.
        var brokerHasCrashed = false
    }

    /// Few, so that a broker that dies repeats few.
    private static let prefetch: UInt16 = 32

    private let vhost: TestVhost
    private let ledger: Ledger
    private let state = Mutex(State())

    init(vhost: TestVhost, ledger: Ledger) {
        self.vhost = vhost
        self.ledger = ledger
    }

    /// Receives until cancelled.
    func run() async {
        while !Task.isCancelled {
            if !self.state.withLock({ $0.isPaused }) {
                // The broker or the queue is away, as the test wants it: asked again below.
                try? await self.vhost.withConnection { connection in try await self.receive(on: connection) }
            }
            try? await Task.sleep(for: .milliseconds(100))  // cancelled: the loop ends
        }
    }

    private func receive(on connection: RabbitMQConnection) async throws {
        let consumer = try await connection.consume(RabbitMQConnection.coreQueue, prefetch: Self.prefetch)
        self.state.withLock { $0.consumer = consumer }
        defer { self.connectionEnded() }
        for try await delivery in consumer {
            self.note(delivery)
            try await consumer.ack(delivery)
        }
    }

    /// The broker counts on an acknowledgement for no more than the prefetch: what came before the last of them it knows as done.
    private func connectionEnded() {
        let unacknowledged = self.state.withLock { state in
            let moment = ContinuousClock.now - Self.unwritten
            let count = state.brokerHasCrashed ? state.recent.count { $0.at > moment } : 0
            defer {
                state.consumer = nil
                state.recent = []
                state.brokerHasCrashed = false
            }
            return state.recent.suffix(max(count, Int(Self.prefetch))).map(\.id)
        }
        self.ledger.consumerLost(unacknowledged)
    }

    /// How long a broker may have an acknowledgement in memory only.
    private static let unwritten = Duration.seconds(1)

    /// To be said before the broker is crashed.
    func brokerWillCrash() {
        self.state.withLock { $0.brokerHasCrashed = true }
    }

    private func note(_ delivery: RabbitMQDelivery) {
        let message = delivery.message
        guard !message.messageID.hasPrefix(Self.markerPrefix) else {
            self.state.withLock { _ = $0.markers.insert(message.messageID) }
            return
        }
        self.ledger.received(
            Arrival(
                id: message.messageID,
                exchange: message.exchange,
                routingKey: message.routingKey,
                body: String(decoding: message.body, as: UTF8.self),
                headers: message.headers.filter { $0.key != "x-possible-duplicate" }.mapValues(\.text),
                possibleDuplicate: message.headers["x-possible-duplicate"] == .bool(true),
                redelivered: delivery.redelivered,
                at: self.ledger.now
            )
        )
        self.state.withLock { state in
            state.lastArrival = .now
            state.recent.append((message.messageID, .now))
            // Far more than can be received in the time that matters; in portions, so that it costs little.
            if state.recent.count > 20_000 { state.recent.removeFirst(10_000) }
        }
    }

    /// Stops receiving: messages stay in the queue.
    func pause() async {
        let consumer = self.state.withLock { state in
            state.isPaused = true
            return state.consumer
        }
        await consumer?.cancel()
    }

    func resume() {
        self.state.withLock { $0.isPaused = false }
    }

    private static let markerPrefix = "marker-"

    /// Waits until all that is in the queue by now has been received, and for a moment nothing more comes.
    func drain(quiet: Duration = .milliseconds(500), within limit: Duration = .seconds(60)) async throws {
        let marker = Self.markerPrefix + UUID().uuidString
        let outcome = try await self.vhost.withConnection { connection in
            await connection.publish([
                RabbitMQMessage(exchange: "", routingKey: RabbitMQConnection.coreQueue, body: [], messageID: marker)
            ])
        }
        guard case .routed? = outcome.first else { throw TestError("the marker was not routed: \(outcome)") }
        try await eventually("the consumer comes to rest", within: limit) {
            self.state.withLock { $0.markers.contains(marker) && .now - $0.lastArrival > quiet }
        }
    }
}

extension RabbitMQHeader {
    /// As the outbox's table has it: a text is itself, anything else is told by its case.
    fileprivate var text: String {
        if case .string(let text) = self { text } else { "\(self)" }
    }
}
