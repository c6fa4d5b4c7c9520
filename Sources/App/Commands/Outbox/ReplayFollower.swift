import ArgumentParser
import Foundation
import Outbox
import Postgres
import Telemetry

/// Watches a run from outside until it is over. Ending the watcher does not end the run.
struct ReplayFollower {
    private static let interval = Duration.milliseconds(250)
    private static let reconnectInterval = Duration.seconds(1)

    private let run: Replay
    /// Standard error, if that is a terminal.
    private let bar: ProgressBar?

    init(_ run: Replay) {
        self.run = run
        self.bar = isatty(STDERR_FILENO) == 1 ? ProgressBar(total: run.total) : nil
    }

    /// Prints the run as it has ended. A database that is away is waited for.
    ///
    /// - Parameters:
    ///   - output: how.
    ///   - isNew: whoever has asked for it is told its id, whatever comes.
    /// - Throws: `ExitCode` when the run has not ended well; `PostgresError`, and the run goes on.
    func follow(_ output: OutputOptions, isNew: Bool = false) async throws {
        if isNew { Self.say("run \(self.run.id) is asked for; replays \(self.run.id) --follow watches it again") }
        let end = try await self.end()
        try end.print(output)
        if end.state != Replay.State.done.rawValue { throw ExitCode(ExitStatus.failed.rawValue) }
    }

    private func end() async throws -> Replay {
        defer { self.bar?.clear() }
        let id = try EventIDArgument.read(self.run.id)
        let start = ContinuousClock.now
        var isLost = false
        while true {
            do {
                return try await OutboxDatabase.lend { try await self.watch(id, since: start, on: $0) }
            } catch let error as PostgresError where error.code == .unavailable || error.code == .connectionLost {
                self.bar?.clear()
                if !isLost { Self.say("run \(self.run.id): PostgreSQL cannot be reached, trying on") }
                isLost = true
                try await Task.sleep(for: Self.reconnectInterval)
            }
        }
    }

    private func watch(
        _ id: UUID, since start: ContinuousClock.Instant, on connection: PostgresConnection
    ) async throws -> Replay {
        let relays = try await connection.perform { session in
            try session.query(Self.relaysSeen) { row in try row.decode(Int.self) }[0]
        }
        if relays == 0, !self.run.isFinished {
            Self.say("no relay runs: run \(self.run.id) begins when one does; this command may be ended")
        }
        while true {
            let run = try await connection.perform { session in try Replay.find(id, in: session) }
            if run.isFinished { return run }
            self.bar?.show(run.queued + run.skipped, after: .now - start)
            try await Task.sleep(for: Self.interval)
        }
    }

    private static func say(_ line: String) {
        LogOutput.standardError.write("skillrelay: \(line)\n")
    }

    private static let relaysSeen = PostgresStatement(
        "app.relaysSeen", "SELECT relays_seen FROM skillrelay.relay_status", isReadOnly: true)
}

/// One line that is written over and over.
struct ProgressBar {
    private static let width = 30
    let total: Int

    func show(_ done: Int, after duration: Duration) {
        FileHandle.standardError.write(Data("\r\(Self.line(done, of: self.total, after: duration))\u{1B}[K".utf8))
    }

    func clear() {
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }

    static func line(_ done: Int, of total: Int, after duration: Duration) -> String {
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let filled = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        let seconds = duration / .seconds(1)
        let rate = seconds > 0 ? Int(Double(done) / seconds) : 0
        return "[\(bar)] \(Int(share * 100)) %  \(done) of \(total), \(rate)/s"
    }
}

extension Replay {
    /// One line for a person, or the object.
    func print(_ output: OutputOptions) throws {
        guard !output.json else { return try Output.json(self) }
        try Output.line(self.line)
    }

    var line: String {
        var parts = [
            self.id, self.state, "\(self.kind)\(self.asNew ? " as new" : "")",
            "\(self.queued) of \(self.total) queued, \(self.skipped) skipped\(self.died.map { ", \($0) dead again" } ?? "")",
        ]
        if let rate { parts.append("\(rate)/s") }
        parts.append(
            "\(Readable.time(self.requestedAt)) by \(self.requestedBy): \(self.reason)")
        if let cancelledBy { parts.append("cancelled by \(cancelledBy)") }
        if let error { parts.append(error) }
        return parts.joined(separator: "  ")
    }
}
