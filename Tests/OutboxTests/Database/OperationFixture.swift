import Foundation
import Logging
import Postgres
import Support

@testable import Outbox

extension Attribution {
    static func fixture() throws -> Attribution { try Attribution(by: "ann", reason: "a test") }
}

extension EventFilter {
    static func fixture(_ fields: (Field, String)...) throws -> EventFilter {
        var filter = EventFilter()
        for (field, text) in fields { try filter.set(field, to: text) }
        return filter
    }
}

extension TestDatabase {
    func pool() throws -> PostgresPool {
        PostgresPool(
            configuration: try PostgresConfiguration(connectionString: self.url), size: 2, logger: Logger(label: "test")
        )
    }

    func runner(_ relay: OutboxRelay, pool: PostgresPool, instance: UUID = UUID()) throws -> ReplayRunner {
        ReplayRunner(
            instance: instance, relay: relay, pool: pool,
            database: try PostgresConfiguration(connectionString: self.url), logger: Logger(label: "test")
        )
    }

    /// Asks for a run.
    @discardableResult
    func replay(
        _ kind: Replay.Kind = .replay, _ filter: EventFilter = EventFilter(), asNew: Bool = false, rate: Int? = nil
    ) async throws -> Replay {
        let request = try ReplayRequest(kind, filter, asNew: asNew, rate: rate)
        return try await self.connection.perform { session in try request.submit(.fixture(), in: session) }
    }

    func run(_ replay: Replay) async throws -> Replay {
        guard let id = UUID(uuidString: replay.id) else { throw TestError("no id") }
        return try await self.connection.perform { session in try Replay.find(id, in: session) }
    }

    /// Waits for the end of a run, while `publisher` takes its events.
    func finish(_ replay: Replay, _ publisher: ScriptedPublisher = ScriptedPublisher()) async throws -> Replay {
        let pool = try self.pool()
        let relay = try self.relay(publisher)
        return try await running(pool, relay, try self.runner(relay, pool: pool)) {
            try await eventually("the run is over", within: .seconds(30)) {
                let run = try await self.run(replay)
                return run.isFinished ? run : nil
            }
        }
    }

    /// Writes events and delivers them.
    func deliver(_ count: Int, key: String = "k") async throws {
        try await self.enqueue(count, key: key)
        try await running(try self.relay(ScriptedPublisher())) {
            try await eventually("all are delivered", within: .seconds(30)) { try await self.pendingCount() == 0 }
        }
    }

    /// Parks what is pending.
    func park(error: String = "poison") async throws {
        try await self.script(
            """
            WITH parked AS (DELETE FROM skillrelay.outbox_pending RETURNING id)
            INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) SELECT id, 5, '\(error)' FROM parked
            """
        )
    }

    func ids(_ sql: String = "SELECT id FROM skillrelay.outbox ORDER BY id") async throws -> [UUID] {
        try await self.values(sql)
    }

    /// What the audit trail says, the latest first.
    func actions() async throws -> [OperatorAction] {
        try await self.connection.perform { session in try OperatorAction.list(limit: 100, in: session) }
    }
}
