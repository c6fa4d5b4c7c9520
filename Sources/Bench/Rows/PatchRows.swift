import Foundation

/// The status change over HTTP.
enum PatchRows {
    static let all = [throughput, throughputWithRelay, latency, oneConnection]

    private static let connections = 64
    private static let round = Duration.seconds(10)
    private static let clients = [1, 8, 16, 32]

    /// pgbench at its best client count, then HTTP; again and again, so that a change of the machine meets both.
    private static let throughput = Row(
        name: "patch-throughput", unit: "requests/s", comparedTo: "pgbench, transactions/s", target: .ratio(atLeast: 2)
    ) { bench in
        try await Self.rounds(role: "api", bench)
    }

    private static let throughputWithRelay = Row(
        name: "patch-throughput-all", unit: "requests/s", comparedTo: "pgbench, transactions/s",
        target: .ratio(atLeast: 1.2)
    ) { bench in
        try await bench.emptyQueue()
        return try await Self.rounds(role: "all", bench)
    }

    private static func rounds(role: String, _ bench: Bench) async throws -> [Sample] {
        let requests = try await bench.makeTasks()
        let duration = bench.scaled(Self.round)
        let load = { (serve: ServeProcess) in
            LoadGenerator(port: serve.port, connections: Self.connections, requests: requests)
        }
        return try await ServeProcess.with(role: role, bench) { serve in
            _ = try await load(serve).closedLoop(for: .seconds(1))
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                var best = Pgbench.Result(perSecond: 0, medianMilliseconds: 0)
                for clients in Self.clients {
                    try await Self.settle(role, bench)
                    let result = try Pgbench(bench: bench).run(clients: clients, for: duration / 3)
                    if result.perSecond > best.perSecond { best = result }
                }
                try await Self.settle(role, bench)
                let before = try serve.processorSeconds()
                async let backlogs = Self.backlogs(role, bench, duration)
                let result = try await load(serve).closedLoop(for: duration)
                let microseconds =
                    (try serve.processorSeconds() - before) * 1_000_000 / Double(result.exchanges.count)
                var note = String(
                    format: "%.0f µs of processor a request, p50 %.1f ms, p99 %.1f ms, %.0f MB resident", microseconds,
                    result.percentile(0.5), result.percentile(0.99), try serve.residentMegabytes()
                )
                if let (third, end) = try await backlogs {
                    note += ", pending \(third) after a third, \(end) at the end"
                }
                samples.append(Sample(value: result.perSecond, comparedTo: best.perSecond, note: note))
            }
            return samples
        }
    }

    /// A backlog must not grow while the load lasts.
    private static func backlogs(
        _ role: String,
        _ bench: Bench,
        _ duration: Duration
    ) async throws -> (third: Int64, end: Int64)? {
        guard role == "all" else { return nil }
        try await Task.sleep(for: duration / 3)
        let third = try await bench.pendingCount()
        try await Task.sleep(for: duration * 0.6)
        return (third, try await bench.pendingCount())
    }

    /// Nothing left of the round before.
    private static func settle(_ role: String, _ bench: Bench) async throws {
        if role == "all" {
            while try await bench.pendingCount() > 0 { try await Task.sleep(for: .milliseconds(50)) }
            try await bench.emptyQueue()
        }
        try await bench.clean()
    }

    /// At half of what 64 connections reach, in an open loop.
    private static let latency = Row(name: "patch-latency", unit: "ms, p99", target: .value(atMost: 15)) { bench in
        try await bench.emptyQueue()
        let requests = try await bench.makeTasks()
        let duration = bench.scaled(Self.round)
        return try await ServeProcess.with(role: "all", bench) { serve in
            let load = LoadGenerator(port: serve.port, connections: Self.connections, requests: requests)
            _ = try await load.closedLoop(for: .seconds(1))
            let rate = try await load.closedLoop(for: duration / 2).perSecond / 2
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                try await Self.settle("all", bench)
                let result = try await load.openLoop(perSecond: rate, for: duration)
                samples.append(
                    Sample(
                        value: result.percentile(0.99),
                        note: String(
                            format: "at %.0f requests/s: p50 %.2f ms, p99.9 %.2f ms", rate, result.percentile(0.5),
                            result.percentile(0.999))
                    ))
            }
            return samples
        }
    }

    private static let oneConnection = Row(
        name: "patch-one-connection", unit: "ms, p50", comparedTo: "pgbench with one client, p50",
        target: .ratioAtMost(1.5)
    ) { bench in
        let requests = try await bench.makeTasks()
        let duration = bench.scaled(Self.round)
        return try await ServeProcess.with(role: "api", bench) { serve in
            let load = LoadGenerator(port: serve.port, connections: 1, requests: requests)
            _ = try await load.closedLoop(for: .seconds(1))
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                try await bench.clean()
                let peer = try Pgbench(bench: bench).run(clients: 1, for: duration / 2)
                try await bench.clean()
                let result = try await load.closedLoop(for: duration / 2)
                samples.append(Sample(value: result.percentile(0.5), comparedTo: peer.medianMilliseconds))
            }
            return samples
        }
    }
}
