import Foundation
import Postgres
import RabbitMQ
import Synchronization

/// From the pending list to the queue.
enum RelayRows {
    static let all = [publishCost, drain, latency(0.5, atMost: 5), latency(0.99, atMost: 25)] + FlatRows.all

    static let events = 200_000

    /// Events a second from the first delivery on, while the relay takes `count` of what is pending.
    static func drain(_ count: Int, _ bench: Bench) async throws -> (perSecond: Double, note: String) {
        try await bench.emptyQueue()
        let before = try await Self.lastBatch(bench)
        return try await ServeProcess.with(role: "relay", bench) { serve in
            while true {
                let figures: [String] = try await bench.database.column(
                    """
                    SELECT concat_ws(' ', coalesce(sum(cardinality(ids)), 0), coalesce((array_agg(cardinality(ids) ORDER BY batch))[1], 0),
                        extract(epoch FROM max(confirmed_at) - min(confirmed_at)))
                    FROM skillrelay.outbox_deliveries WHERE batch > \(before)
                    """)
                let parts = figures[0].split(separator: " ").compactMap { Double($0) }
                if parts.count == 3, Int(parts[0]) >= count, parts[2] > 0 {
                    let note = String(
                        format: "%.0f µs of processor an event, %.0f MB resident",
                        try serve.processorSeconds() * 1_000_000 / parts[0], try serve.residentMegabytes())
                    return ((parts[0] - parts[1]) / parts[2], note)
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private static func lastBatch(_ bench: Bench) async throws -> Int64 {
        try await bench.database.column("SELECT coalesce(max(batch), 0) FROM skillrelay.outbox_deliveries")[0]
    }

    // MARK: Drain

    private static let drain = Row(
        name: "relay-drain", unit: "events/s", comparedTo: "a loop that only publishes, messages/s",
        target: .ratio(atLeast: 0.8)
    ) { bench in
        var samples: [Sample] = []
        for _ in 0..<bench.runs {
            let count = bench.scaled(Self.events)
            let bare = try await Self.bareLoop(count / 4, bench)
            try await bench.clean()
            try await bench.insertEvents(count)
            let (rate, note) = try await Self.drain(count, bench)
            samples.append(Sample(value: rate, comparedTo: bare.perSecond, note: note + "; best window \(bare.window)"))
        }
        return samples
    }

    /// What the drain's limit spends on a message, in the client that both share.
    private static let publishCost = Row(
        name: "publish-cost", unit: "µs of processor a message", target: .stated
    ) { bench in
        let count = bench.scaled(Self.events)
        var samples: [Sample] = []
        for _ in 0..<bench.runs {
            try await bench.emptyQueue()
            let before = Self.processorNanoseconds()
            let rate = try await Self.publish(count, window: 256)
            samples.append(
                Sample(
                    value: Double(Self.processorNanoseconds() - before) / 1000 / Double(count),
                    note: String(format: "making it included; %.0f messages/s", rate)))
        }
        return samples
    }

    private static func processorNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// The same messages without a database, at the best of four windows.
    private static func bareLoop(_ count: Int, _ bench: Bench) async throws -> (perSecond: Double, window: Int) {
        var best = (perSecond: 0.0, window: 0)
        for window in [100, 200, 500, 1000] {
            try await bench.emptyQueue()
            let rate = try await Self.publish(count, window: window)
            if rate > best.perSecond { best = (rate, window) }
        }
        return best
    }

    private static func publish(_ count: Int, window: Int) async throws -> Double {
        let environment = ProcessInfo.processInfo.environment
        var configuration = try RabbitMQConfiguration(urls: environment["RABBITMQ_URL"] ?? "")
        configuration.windowMessages = window
        configuration.windowBytes = 16 << 20
        let connection = try await RabbitMQConnection.connect(configuration, logger: Bench.logger)
        let id = UUID().uuidString.lowercased()
        let body = Array(#"{"project_id":"\#(id)","session_id":"\#(id)","task_id":"\#(id)"}"#.utf8)
        let chunks = stride(from: 0, to: count, by: 5000).map { start in
            (start..<min(count, start + 5000)).map { number in
                RabbitMQMessage(
                    exchange: Bench.exchange, routingKey: Bench.routingKey, body: body,
                    messageID: "\(id.dropLast(8))\(10_000_000 + number)", type: "SkillLearnTask",
                    contentType: "application/json", appID: "skillrelay", timestamp: 1_700_000_000
                )
            }
        }
        let start = ContinuousClock.now
        // Two chunks submitted at a time, so that the window stays full between them.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, chunk) in chunks.enumerated() {
                if number >= 2 { try await group.next() }
                group.addTask {
                    guard await connection.publish(chunk).allSatisfy({ $0 == .routed }) else {
                        throw BenchError("a message was not routed")
                    }
                }
            }
            try await group.waitForAll()
        }
        let rate = Double(count) / ((ContinuousClock.now - start) / .seconds(1))
        await connection.close()
        return rate
    }

    // MARK: Latency

    /// From the request's begin: the commit's own moment is not seen from outside, so the request is counted in.
    private static func latency(_ share: Double, atMost limit: Double) -> Row {
        let name = "p\(Int((share * 100).rounded()))"
        return Row(name: "relay-latency-\(name)", unit: "ms, \(name)", target: .value(atMost: limit)) { bench in
            try await bench.emptyQueue()
            let requests = try await bench.makeTasks().requests
            return try await ServeProcess.with(role: "all", bench) { serve in
                let load = LoadGenerator(port: serve.port, connections: 4, requests: requests)
                var samples: [Sample] = []
                for _ in 0..<bench.runs {
                    let times = try await Self.latencies(load, bench)
                    samples.append(Sample(value: times[Int(Double(times.count - 1) * share)]))
                }
                return samples
            }
        }
    }

    /// Of each event, in milliseconds and ascending. No task comes twice in one round.
    private static func latencies(_ load: LoadGenerator, _ bench: Bench) async throws -> [Double] {
        let consumer = try await bench.broker.consume(Bench.queue, prefetch: 0)
        let arrivals = Arrivals()
        let times = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await delivery in consumer {
                    let now = LoadGenerator.now()
                    let task = String(decoding: delivery.message.body.suffix(38).prefix(36), as: UTF8.self)
                    arrivals.note(task, at: now)
                    try await consumer.ack(delivery)
                }
            }
            let exchanges = try await load.openLoop(perSecond: 50, for: bench.scaled(.seconds(20))).exchanges
            try await Task.sleep(for: .seconds(1))
            await consumer.cancel()
            try await group.waitForAll()
            return exchanges.map { exchange in
                let request = String(decoding: load.requests[exchange.request].prefix(110), as: UTF8.self)
                let task = request.split(separator: "/").dropFirst(6).first.map(String.init) ?? ""
                return arrivals.time(of: task).map { Double($0 - exchange.begun) / 1_000_000 } ?? .infinity
            }.sorted()
        }
        guard let last = times.last, last < .infinity else { throw BenchError("an event did not arrive") }
        return times
    }
}

/// When the message of each task came.
private final class Arrivals: Sendable {
    private let times = Mutex<[String: Int64]>([:])

    func note(_ task: String, at time: Int64) { self.times.withLock { $0[task] = time } }
    func time(of task: String) -> Int64? { self.times.withLock { $0[task] } }
}
