import Foundation
import Postgres

/// A drain's rate must not depend on what else there is.
///
/// What a rate is compared to is measured as often before as after, since one cannot empty five million rows between two samples.
enum FlatRows {
    static let all = [backlog, horizon, history]

    /// Drains of `count` events with nothing else in the tables.
    private static func alone(_ count: Int, times: Int, _ bench: Bench) async throws -> [Double] {
        var rates: [Double] = []
        for _ in 0..<times {
            try await bench.clean()
            try await bench.insertEvents(count)
            rates.append(try await RelayRows.drain(count, bench).perSecond)
        }
        return rates
    }

    /// `measure` between two rounds of drains of `count` events alone.
    private static func besideAlone(
        _ count: Int,
        _ bench: Bench,
        measure: (_ sample: Int) async throws -> (perSecond: Double, note: String)
    ) async throws -> [Sample] {
        let before = try await Self.alone(count, times: bench.runs, bench)
        try await bench.clean()
        var rates: [(perSecond: Double, note: String)] = []
        for sample in 0..<bench.runs { rates.append(try await measure(sample)) }
        let after = try await Self.alone(count, times: bench.runs, bench)
        return rates.indices.map { index in
            Sample(
                value: rates[index].perSecond, comparedTo: (before[index] + after[index]) / 2, note: rates[index].note)
        }
    }

    private static let backlog = Row(
        name: "relay-backlog", unit: "events/s with 5,000,000 pending", comparedTo: "with 100,000 pending",
        target: .ratio(atLeast: 0.9)
    ) { bench in
        let count = bench.scaled(100_000)
        return try await Self.besideAlone(count, bench) { sample in
            if sample == 0 { try await bench.insertBacklog() }
            return try await RelayRows.drain(count, bench)
        }
    }

    private static let horizon = Row(
        name: "relay-horizon", unit: "events/s under an open transaction", comparedTo: "before it",
        target: .ratio(atLeast: 0.9)
    ) { bench in
        let count = bench.scaled(RelayRows.events)
        let through = bench.scaled(500_000)
        var samples: [Sample] = []
        for _ in 0..<bench.runs {
            let before = try await Self.alone(count, times: 1, bench)[0]
            try await bench.clean()
            let holder = try await Bench.connect(bench.databaseURL)
            try await holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM public.projects")
            try await bench.insertEvents(through)
            _ = try await RelayRows.drain(through, bench)
            try await bench.insertEvents(count)
            let (rate, note) = try await RelayRows.drain(count, bench)
            await holder.close()
            samples.append(Sample(value: rate, comparedTo: before, note: note))
        }
        return samples
    }

    private static let history = Row(
        name: "relay-history", unit: "events/s with 10,000,000 delivered", comparedTo: "with none",
        target: .ratio(atLeast: 0.95)
    ) { bench in
        let count = bench.scaled(RelayRows.events)
        return try await Self.besideAlone(count, bench) { sample in
            if sample == 0 {
                for _ in 0..<10 { try await bench.insertEvents(bench.scaled(1_000_000), pending: false) }
                try await bench.database.run(
                    "VACUUM ANALYZE skillrelay.outbox", "VACUUM ANALYZE skillrelay.outbox_deliveries")
            }
            try await bench.insertEvents(count)
            return try await RelayRows.drain(count, bench)
        }
    }
}

extension Bench {
    /// Millions of pending events as they are after the hours in which they gathered, and not a second after one INSERT: vacuumed by
    /// autovacuum, and written to disk.
    func insertBacklog() async throws {
        try await self.insertEvents(self.scaled(5_000_000))
        try await self.database.run(
            "VACUUM ANALYZE skillrelay.outbox", "VACUUM ANALYZE skillrelay.outbox_pending", "CHECKPOINT")
    }
}
