import Foundation
import Postgres
import RabbitMQ
import Support

/// Events written by SQL, as any service may: as many as keep every relay at work.
extension Cluster {
    /// Several batches for each lane.
    static let burst = 2000

    /// Enqueues events in a transaction of its own; each has a body that no other has.
    func enqueue(_ count: Int) async throws {
        let burst = self.draws.name()
        let bodies = (1...count).map { #"{"burst":\#(burst),"n":\#($0)}"# }
        let event = Enqueued(
            exchange: RabbitMQConnection.coreExchange, routingKey: RabbitMQConnection.coreRoutingKey,
            headers: ["burst": "\(burst)"]
        )
        self.ledger.enqueueing(Dictionary(uniqueKeysWithValues: bodies.map { ($0, event) }))
        _ = try await self.query(
            """
            SELECT skillrelay.enqueue($1, $2, convert_to(body, 'UTF8'), jsonb_build_object('burst', $3::text), 'SkillLearnTask')
            FROM unnest($4::text[]) AS body
            """,
            [
                .text(event.exchange), .text(event.routingKey), .text("\(burst)"),
                .textArray(bodies),
            ],
            as: UUID.self
        )
        self.ledger.enqueued(bodies)
    }

    /// Keeps the relays at work while `body` lasts: some faults take seconds to happen.
    func underPressure<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(50))
                    guard try await self.query(Self.pending, as: Int.self)[0] < Self.burst / 2 else { continue }
                    try await self.enqueue(Self.burst / 2)
                }
            }
            let result = try await body()
            group.cancelAll()
            // It ends by its cancellation, whatever it was at.
            while let ended = await group.nextResult() { _ = ended }
            return result
        }
    }

    private static let pending = "SELECT pending FROM skillrelay.relay_status"
}
