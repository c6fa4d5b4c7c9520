import Foundation

/// PostgreSQL's own load generator, with the same one-statement transaction as a status change.
///
/// What the service draws itself, pgbench must not have the server compute: the project, the payload and most of an event's id stand in
/// the script. Left are two `md5` and a concatenation, some 2 µs of a transaction, since pgbench knows only numbers.
struct Pgbench {
    let bench: Bench
    let project: String

    // As Sources/Tasks/StatusTransaction.swift runs it alone. The event's id is of this moment, and counts up in each client.
    private var script: String {
        let moment = String(UInt64(Date.now.timeIntervalSince1970 * 1000), radix: 16)
        let prefix = (String(repeating: "0", count: 12 - moment.count) + moment).prefix(8)
        let payload = #"{"project_id":"\#(self.project)","session_id":"\#(self.project)","task_id":"\#(self.project)"}"#
        return """
            \\set n random(0, \(Bench.tasks - 1))
            \\set s :n % \(Bench.sessions)
            \\set e :e + 64
            \\set event :e + :client_id
            WITH t AS (
                UPDATE public.tasks SET status = 'success', updated_at = clock_timestamp()
                WHERE id = md5('t' || :n)::uuid AND session_id = md5('s' || :s)::uuid AND project_id = '\(self.project)'
                RETURNING *
            )
            SELECT t.id, t.session_id, t.project_id, t."order"::bigint,
                (jsonb_build_object('task_description', coalesce(t.data ->> 'task_description', ''))
                    || CASE WHEN jsonb_typeof(t.data -> 'progresses') = 'array' AND t.data -> 'progresses' <> '[]'
                        THEN jsonb_build_object('progresses', t.data -> 'progresses') ELSE '{}' END
                    || CASE WHEN jsonb_typeof(t.data -> 'user_preferences') = 'array' AND t.data -> 'user_preferences' <> '[]'
                        THEN jsonb_build_object('user_preferences', t.data -> 'user_preferences') ELSE '{}' END)::text,
                t.status, t.is_planning, t.created_at, t.updated_at,
                CASE WHEN EXISTS (SELECT FROM public.learning_space_sessions AS l WHERE l.session_id = t.session_id)
                THEN skillrelay.enqueue_as(
                    ('\(prefix)' || lpad(to_hex(:event::bigint), 24, '0'))::uuid, '\(Bench.exchange)', '\(Bench.routingKey)',
                    convert_to('\(payload)', 'UTF8'), '{}', 'SkillLearnTask', t.id) END
            FROM t;

            """
    }

    /// Transactions a second, at the best number of clients.
    func best(of clients: [Int], for duration: Duration) async throws -> (perSecond: Double, clients: Int) {
        var best = (perSecond: 0.0, clients: 0)
        for count in clients {
            try await self.bench.clean()
            let output = try self.run(clients: count, for: duration)
            guard let match = output.firstMatch(of: #/tps = ([0-9.]+) /#), let rate = Double(match.1) else {
                throw BenchError("pgbench printed \(output)")
            }
            if rate > best.perSecond { best = (rate, count) }
        }
        return best
    }

    /// The median time of a transaction with one client.
    func medianMilliseconds(for duration: Duration) async throws -> Double {
        try await self.bench.clean()
        let folder = FileManager.default.temporaryDirectory.appending(path: "pgbench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }  // a leftover file harms nobody
        try self.run(clients: 1, for: duration, ["--log", "--log-prefix=\(folder.appending(path: "log").path())"])
        // The third column is a transaction's time in microseconds.
        let times = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .flatMap { try String(contentsOf: $0, encoding: .utf8).split(separator: "\n") }
            .compactMap { line in line.split(separator: " ").dropFirst(2).first.flatMap { Double($0) } }
            .sorted()
        return times.isEmpty ? .nan : times[times.count / 2] / 1000
    }

    @discardableResult
    private func run(clients: Int, for duration: Duration, _ more: [String] = []) throws -> String {
        let script = FileManager.default.temporaryDirectory.appending(path: "pgbench-\(UUID().uuidString).sql")
        try Data(self.script.utf8).write(to: script)
        defer { try? FileManager.default.removeItem(at: script) }  // a leftover file harms nobody
        let seconds = max(1, Int(duration / .seconds(1)))
        return try Program.run(
            "/usr/bin/env",
            [
                "pgbench", "--no-vacuum", "--protocol=prepared", "--client=\(clients)", "--jobs=\(min(2, clients))",
                "--time=\(seconds)", "--define=e=0", "--file=\(script.path())",
            ] + more + [self.bench.databaseURL])
    }
}
