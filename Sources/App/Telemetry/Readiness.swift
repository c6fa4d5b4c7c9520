import Outbox
import Postgres
import Telemetry

/// Whether work should be sent here: the database is there, and what is due goes out.
struct Readiness: Sendable {
    private let pool: PostgresPool
    private let gauges: CachedReading<OutboxGauges>
    private let maxEventAge: Duration?

    /// `maxEventAge` is how long a due event may wait; nil: however long.
    init(pool: PostgresPool, gauges: CachedReading<OutboxGauges>, maxEventAge: Duration?) {
        self.pool = pool
        self.gauges = gauges
        self.maxEventAge = maxEventAge
    }

    /// Why not; none when all is well.
    @Sendable func reasons() async -> [String] {
        guard self.pool.isConnected else { return ["PostgreSQL cannot be reached"] }
        guard let reading = await self.gauges.current() else { return ["PostgreSQL has not answered yet"] }
        switch reading.result {
        case .failure(let error as PostgresError) where error.isSchemaMissing:
            return ["the database schema is not up to date: run skillrelay migrate"]
        case .failure where self.pool.usage.isExhausted:
            // Requests have all of them: a burst, unless it goes on.
            return reading.failures == 1 ? [] : ["no connection to PostgreSQL has become free"]
        case .failure:
            return ["PostgreSQL does not answer"]
        case .success(let gauges):
            guard let maxEventAge, gauges.oldestDueAge > maxEventAge / .seconds(1) else { return [] }
            let limit = maxEventAge.components.seconds
            return ["the oldest due event has waited for \(Int(gauges.oldestDueAge)) s, more than \(limit) s"]
        }
    }
}
