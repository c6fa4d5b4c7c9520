import Foundation

/// A replay of delivered events, beside live traffic.
enum ReplayRows {
    static let all = [row("replay", rate: nil), row("replay-1000", rate: 1000)]

    /// Status changes a second.
    private static let live = 500.0

    /// All there is, by time. At a rate only what a minute of it is: it has nothing to reach.
    private static func row(_ name: String, rate: Int?) -> Row {
        Row(name: name, unit: "events/s, 1,000,000 delivered", target: .stated) { bench in
            let requests = try await bench.makeTasks().requests
            try await bench.clean()
            let count = rate.map { $0 * 60 } ?? bench.scaled(1_000_000)
            for _ in 0..<10 { try await bench.insertEvents(count / 10, pending: false) }
            try await bench.database.run(
                "VACUUM ANALYZE skillrelay.outbox", "VACUUM ANALYZE skillrelay.outbox_deliveries", "CHECKPOINT")
            return try await ServeProcess.with(role: "all", bench) { serve in
                let load = LoadGenerator(port: serve.port, connections: 16, requests: requests)
                var samples: [Sample] = []
                for _ in 0..<bench.runs {
                    try await bench.emptyQueue()
                    samples.append(try await Self.sample(bench, load, rate: rate))
                }
                return samples
            }
        }
    }

    private static func sample(_ bench: Bench, _ load: LoadGenerator, rate: Int?) async throws -> Sample {
        let alone = try await load.openLoop(perSecond: Self.live, for: bench.scaled(.seconds(10)))
        let until = Date.now.ISO8601Format()
        try Program.run(
            bench.binary,
            ["outbox", "replay", "--until", until, "--reason", "benchmark", "--yes", "--detach"]
                + (rate.map { ["--rate", "\($0)"] } ?? []),
            ["DATABASE_URL": bench.databaseURL]
        )
        var beside = LoadGenerator.Result()
        while try await Self.isRunning(bench) {
            beside.exchanges += try await load.openLoop(perSecond: Self.live, for: .seconds(2)).exchanges
        }
        try await bench.untilDelivered()
        return Sample(
            value: try await bench.database.column(
                """
                SELECT (queued / extract(epoch FROM finished_at - requested_at))::double precision
                FROM skillrelay.replays ORDER BY requested_at DESC LIMIT 1
                """)[0],
            note: String(
                format: "p99 of %.0f status changes a second %.1f ms, alone %.1f ms", Self.live,
                beside.percentile(0.99), alone.percentile(0.99))
        )
    }

    private static func isRunning(_ bench: Bench) async throws -> Bool {
        try await bench.database.column("SELECT EXISTS (SELECT FROM skillrelay.replays WHERE state = 'running')")[0]
    }
}
