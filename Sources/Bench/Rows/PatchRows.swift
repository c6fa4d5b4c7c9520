import Foundation
import RabbitMQ

/// The status change over HTTP.
enum PatchRows {
    static let all = [throughput, throughputWithRelay, latency, oneConnection]

    private static let connections = 64
    private static let round = Duration.seconds(10)
    private static let clients = [1, 8, 16, 32]

    private static let throughput = Row(
        name: "patch-throughput", unit: "requests/s", comparedTo: "pgbench, transactions/s", target: .ratio(atLeast: 2)
    ) { bench in
        try await Self.rounds(role: "api", bench)
    }

    private static let throughputWithRelay = Row(
        name: "patch-throughput-all", unit: "requests/s", comparedTo: "pgbench, transactions/s",
        target: .ratio(atLeast: 1.2)
    ) { bench in
        try await Self.rounds(role: "all", bench)
    }

    /// pgbench at its best client count, with the machine to itself, then HTTP; again and again, so that a change of the machine meets both.
    private static func rounds(role: String, _ bench: Bench) async throws -> [Sample] {
        let (project, requests) = try await bench.makeTasks()
        let duration = bench.scaled(Self.round)
        var samples: [Sample] = []
        for _ in 0..<bench.runs {
            let peer = try await Pgbench(bench: bench, project: project).best(of: Self.clients, for: duration / 3)
            try await bench.clean()
            try await bench.emptyQueue()
            var sample = try await ServeProcess.with(role: role, bench) { serve in
                let load = LoadGenerator(port: serve.port, connections: Self.connections, requests: requests)
                _ = try await load.closedLoop(for: .seconds(1))
                return try await Self.sample(load, serve, for: duration, watching: role == "all" ? bench : nil)
            }
            sample.comparedTo = peer.perSecond
            sample.note += "; pgbench with \(peer.clients) clients"
            samples.append(sample)
        }
        return samples
    }

    private static func sample(
        _ load: LoadGenerator,
        _ serve: ServeProcess,
        for duration: Duration,
        watching bench: Bench?
    ) async throws -> Sample {
        let before = try serve.processorSeconds()
        async let growth = bench?.growth(within: duration)
        let result = try await load.closedLoop(for: duration)
        let microseconds = (try serve.processorSeconds() - before) * 1_000_000 / Double(result.exchanges.count)
        var sample = Sample(
            value: result.perSecond,
            note: String(
                format: "%.0f µs of processor a request, p50 %.1f ms, p99 %.1f ms", microseconds,
                result.percentile(0.5), result.percentile(0.99))
        )
        if let bench, let growth = try await growth {
            sample.note += String(format: ", the backlog grew by %.0f events a second", growth)
            // Less is the coming and going of batches.
            sample.fault =
                growth > result.perSecond / 100
                ? "the backlog grew while the load lasted" : try await bench.faultOfDelivery()
        }
        return sample
    }

    /// At half of what 64 connections reach, in an open loop.
    private static let latency = Row(name: "patch-latency", unit: "ms, p99", target: .value(atMost: 15)) { bench in
        let requests = try await bench.makeTasks().requests
        let duration = bench.scaled(Self.round)
        try await bench.emptyQueue()
        return try await ServeProcess.with(role: "all", bench) { serve in
            let load = LoadGenerator(port: serve.port, connections: Self.connections, requests: requests)
            _ = try await load.closedLoop(for: .seconds(1))
            let rate = try await load.closedLoop(for: duration / 2).perSecond / 2
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                try await bench.untilDelivered()
                try await bench.emptyQueue()
                try await bench.clean()
                let result = try await load.openLoop(perSecond: rate, for: duration)
                samples.append(
                    Sample(
                        value: result.percentile(0.99),
                        note: String(
                            format: "%.0f requests/s offered, %.0f answered: p50 %.2f ms, p99.9 %.2f ms", rate,
                            result.perSecond, result.percentile(0.5), result.percentile(0.999)),
                        fault: result.perSecond < rate * 0.99 ? "it did not keep up with the rate offered" : nil
                    ))
            }
            return samples
        }
    }

    private static let oneConnection = Row(
        name: "patch-one-connection", unit: "ms, p50", comparedTo: "pgbench with one client, p50",
        target: .ratioAtMost(1.5)
    ) { bench in
        let (project, requests) = try await bench.makeTasks()
        let duration = bench.scaled(Self.round) / 2
        var samples: [Sample] = []
        for _ in 0..<bench.runs {
            let peer = try await Pgbench(bench: bench, project: project).medianMilliseconds(for: duration)
            try await bench.clean()
            let result = try await ServeProcess.with(role: "api", bench) { serve in
                let load = LoadGenerator(port: serve.port, connections: 1, requests: requests)
                _ = try await load.closedLoop(for: .seconds(1))
                return try await load.closedLoop(for: duration)
            }
            samples.append(Sample(value: result.percentile(0.5), comparedTo: peer))
        }
        return samples
    }
}

extension Bench {
    /// By how many events a second the backlog grows, from a third of the time on.
    fileprivate func growth(within duration: Duration) async throws -> Double {
        try await Task.sleep(for: duration / 3)
        let before = try await self.pendingCount()
        try await Task.sleep(for: duration * 0.6)
        return Double(try await self.pendingCount() - before) / (duration * 0.6 / .seconds(1))
    }

    func untilDelivered() async throws {
        while try await self.pendingCount() > 0 { try await Task.sleep(for: .milliseconds(50)) }
    }

    /// Each event is one message in the queue, or why not.
    fileprivate func faultOfDelivery() async throws -> String? {
        try await self.untilDelivered()
        let events: Int64 = try await self.database.column("SELECT count(*) FROM skillrelay.outbox")[0]
        let messages = try await self.broker.queueMessageCount(Self.queue)
        return Int64(messages) == events ? nil : "\(messages) messages of \(events) events"
    }
}
