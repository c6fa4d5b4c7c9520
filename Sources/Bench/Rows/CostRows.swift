import Foundation

/// What it costs, whatever the machine.
enum CostRows {
    static let all = [wal, memory, memoryBacklog, idle]

    /// Insert and relay together. The smallest row that could hold an event: a heap tuple of 24 bytes of header and 4 of line pointer, an
    /// id of 16, a body of 149 with its length of 2, and a time of 8, and its entry in a key's index, 16 + 8 + 4: 231 bytes. Pages that
    /// are written whole after a checkpoint are left out by a round before.
    private static let wal = Row(
        name: "wal-per-event", unit: "bytes", comparedTo: "the smallest row and its key", target: .stated
    ) { bench in
        let count = bench.scaled(50_000)
        var samples: [Sample] = []
        try await bench.emptyQueue()
        try await ServeProcess.with(role: "relay", bench) { serve in
            for round in 0...bench.runs {
                let start = try await Self.position(bench)
                try await bench.insertEvents(count)
                let inserted = try await Self.position(bench)
                while try await bench.pendingCount() > 0 { try await Task.sleep(for: .milliseconds(50)) }
                let end = try await Self.position(bench)
                guard round > 0 else { continue }
                let note = String(
                    format: "insert %.0f, relay %.0f", (inserted - start) / Double(count),
                    (end - inserted) / Double(count))
                samples.append(Sample(value: (end - start) / Double(count), comparedTo: 231, note: note))
            }
        }
        return samples
    }

    private static func position(_ bench: Bench) async throws -> Double {
        try await bench.database.column("SELECT (pg_current_wal_insert_lsn() - '0/0')::double precision")[0]
    }

    /// The most that it ever was, under the load of 64 connections.
    private static let memory = Row(name: "memory", unit: "MB resident at most", target: .value(atMost: 80)) { bench in
        try await bench.emptyQueue()
        let requests = try await bench.makeTasks().requests
        let duration = bench.scaled(Duration.seconds(20))
        return try await ServeProcess.with(role: "all", bench) { serve in
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                _ = try await LoadGenerator(port: serve.port, connections: 64, requests: requests)
                    .closedLoop(for: duration)
                samples.append(try Self.peak(serve))
            }
            return samples
        }
    }

    private static let memoryBacklog = Row(
        name: "memory-backlog", unit: "MB resident at most with 5,000,000 pending", target: .value(atMost: 80)
    ) { bench in
        try await bench.clean()
        try await bench.emptyQueue()
        try await bench.insertBacklog()
        let duration = bench.scaled(Duration.seconds(20))
        return try await ServeProcess.with(role: "all", bench) { serve in
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                try await Task.sleep(for: duration)
                var sample = try Self.peak(serve)
                sample.note += ", \(try await bench.pendingCount()) events pending"
                samples.append(sample)
            }
            return samples
        }
    }

    private static func peak(_ serve: ServeProcess) throws -> Sample {
        Sample(
            value: try serve.peakMegabytes(), note: String(format: "%.0f MB at the end", try serve.residentMegabytes()))
    }

    private static let idle = Row(name: "idle-cpu", unit: "% of one core", target: .value(atMost: 0.5)) { bench in
        try await bench.emptyQueue()
        let duration = bench.scaled(Duration.seconds(60))
        return try await ServeProcess.with(role: "all", bench) { serve in
            try await Task.sleep(for: .seconds(3))
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                let before = try serve.processorSeconds()
                try await Task.sleep(for: duration)
                let used = try serve.processorSeconds() - before
                samples.append(Sample(value: used / (duration / .seconds(1)) * 100))
            }
            return samples
        }
    }
}
