import Foundation

/// What it costs, whatever the machine.
enum CostRows {
    static let all = [wal, memory, idle]

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

    /// Under load; what the relay holds with 5,000,000 pending is in the notes of `relay-backlog`.
    private static let memory = Row(name: "memory", unit: "MB resident", target: .value(atMost: 80)) { bench in
        try await bench.emptyQueue()
        let requests = try await bench.makeTasks()
        let duration = bench.scaled(Duration.seconds(20))
        return try await ServeProcess.with(role: "all", bench) { serve in
            var samples: [Sample] = []
            for _ in 0..<bench.runs {
                _ = try await LoadGenerator(port: serve.port, connections: 64, requests: requests)
                    .closedLoop(for: duration)
                samples.append(Sample(value: try serve.residentMegabytes()))
            }
            return samples
        }
    }

    private static let idle = Row(name: "idle-cpu", unit: "% of one core", target: .value(atMost: 0.5)) { bench in
        try await bench.emptyQueue()
        let duration = bench.scaled(Duration.seconds(60))
        return try await ServeProcess.with(role: "all", bench) { serve in
            try await Task.sleep(for: .seconds(3))
            let before = try serve.processorSeconds()
            try await Task.sleep(for: duration)
            let used = try serve.processorSeconds() - before
            return [
                Sample(
                    value: used / (duration / .seconds(1)) * 100,
                    note: String(format: "%.0f MB resident", try serve.residentMegabytes()))
            ]
        }
    }
}
