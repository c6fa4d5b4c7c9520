import Foundation
import Glibc
import Postgres
import Support

extension Cluster {
    /// Lets faults happen, one after another begun, ended together in reverse, and waits until the system is well again.
    func suffer(_ faults: [Fault], for duration: Duration) async throws {
        var incidents: [Int] = []
        var heals: [Heal] = []
        // Full batches in every lane, when it strikes.
        try await self.enqueue(Self.burst)
        do {
            for fault in faults {
                let incident = self.ledger.injecting(
                    fault.name,
                    duplicatesAllowed: fault.repeats.bound(instances: self.instances.count),
                    marksRepeats: fault.target == .broker && faults.allSatisfy { $0.target == .broker },
                    recoveryBudget: fault.recovery
                )
                Report.progress("\(self.ledger.now.inSeconds) fault: \(fault.name)")
                incidents.append(incident)
                // A database that is away takes no events, and might not even refuse them.
                let heal =
                    faults.contains { $0.target == .database }
                    ? try await fault.inject(self) : try await self.underPressure { try await fault.inject(self) }
                heals.append(heal)
            }
            try await Task.sleep(for: duration)
        } catch {
            // A server left frozen would hold up the tests to come.
            for heal in heals.reversed() { _ = await Task { try await heal() }.result }
            throw error
        }
        for heal in heals.reversed() { try await heal() }
        for incident in incidents { self.ledger.healed(incident) }
        let healedAt = self.ledger.now
        Report.progress("\(healedAt.inSeconds) healed")
        try await self.becomeWell(after: healedAt, within: (faults.map(\.recovery).max() ?? .zero) + .seconds(60))
        for incident in incidents { self.ledger.recovered(incident) }
        Report.progress("\(self.ledger.now.inSeconds) well again")
    }

    /// Waits until requests are done again, messages arrive again, and nothing waits for longer than a second.
    private func becomeWell(after moment: Duration, within limit: Duration) async throws {
        do {
            try await eventually("the system is well again", within: limit) {
                guard self.ledger.isAlive(after: moment, instances: self.instances.count) else { return false }
                let age = try? await self.query(
                    "SELECT coalesce(oldest_pending_age_seconds, 0)::float8 FROM skillrelay.relay_status",
                    as: Double.self
                )
                return age.map { $0[0] < 1 } ?? false
            }
        } catch let error as TestError {
            throw TestError("\(error)\n\(self.logs)")
        }
    }

    /// The ends of what the instances have logged.
    var logs: String {
        self.instances.enumerated()
            .map { "--- the log of instance \($0) ends with\n\($1.log.suffix(6000))" }
            .joined(separator: "\n")
    }

    /// Ends the load, waits until all is delivered, and looks at what there is then.
    func comeToRest() async throws {
        try await self.load.stop()
        try await self.proveEachRelay()
        // What is not delivered even then is for the checker to find.
        try? await eventually("the outbox is empty", within: .seconds(60)) {
            try await self.query("SELECT pending FROM skillrelay.relay_status", as: Int.self) == [0]
        }
        // Twice: what a server still has in its sockets may come a moment later.
        try await self.receiver.drain()
        try await self.receiver.drain()
        self.ledger.found(try await self.outbox())
    }

    /// Each relay delivers something while the others are away: with several, one that is dead for good goes unnoticed.
    private func proveEachRelay() async throws {
        guard self.instances.count > 1 else { return }
        for (number, alone) in self.instances.enumerated() {
            let others = self.instances.filter { $0 !== alone }
            for other in others { try await other.end(by: SIGTERM) }
            try await self.enqueue(Self.batchSize)
            do {
                try await eventually("instance \(number) delivers alone") {
                    try await self.query("SELECT pending FROM skillrelay.relay_status", as: Int.self) == [0]
                }
            } catch let error as TestError {
                throw TestError("\(error)\n\(self.logs)")
            }
            for other in others { try await other.start() }
        }
    }

    private func outbox() async throws -> Outbox {
        struct Payload: Decodable { let task_id: String? }
        var outbox = Outbox()
        let now = self.ledger.now / .seconds(1)
        let events = PostgresStatement(
            "failure.events",
            """
            SELECT id, exchange, routing_key, convert_from(payload, 'UTF8'), headers::text,
                extract(epoch FROM created_at - clock_timestamp())::float8
            FROM skillrelay.outbox
            """
        )
        outbox.events = try await withTestConnection(to: self.databaseURL) { connection in
            try await connection.perform { session in
                try session.query(events, []) { row in
                    let (id, exchange, routingKey, body, headers, age) = try row.decode(
                        UUID.self, String.self, String.self, String.self, String.self, Double.self
                    )
                    return Outbox.Event(
                        id: id.uuidString.lowercased(),
                        task: try JSONDecoder().decode(Payload.self, from: Data(body.utf8)).task_id,
                        exchange: exchange, routingKey: routingKey, body: body,
                        headers: try JSONDecoder().decode([String: String].self, from: Data(headers.utf8)),
                        createdAt: .seconds(now + age)
                    )
                }
            }
        }
        outbox.pending = Set(try await self.ids("SELECT id FROM skillrelay.outbox_pending"))
        outbox.dead = Set(try await self.ids("SELECT id FROM skillrelay.outbox_dead"))
        outbox.delivered = try await self.ids("SELECT unnest(ids) FROM skillrelay.outbox_deliveries")
        return outbox
    }

    private func ids(_ sql: String) async throws -> [String] {
        try await self.query(sql, as: UUID.self).map { $0.uuidString.lowercased() }
    }
}
