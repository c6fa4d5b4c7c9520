import ArgumentParser
import Outbox

struct OutboxStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Say what waits and why, what is dead, what goes out, and which relays are at work.",
        discussion: """
            Counts exactly; with millions of pending events that takes a second or two. Needs DATABASE_URL.

            Example: skillrelay outbox stats --json
            """
    )

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let stats = try await OutboxDatabase.perform { try OutboxStats.read(in: $0) }
        guard !self.output.json else { return try Output.json(stats) }
        for line in stats.lines { try Output.line(line) }
    }
}

extension OutboxStats {
    /// For people.
    fileprivate var lines: [String] {
        var lines: [String] = []
        if !self.relays.contains(where: \.isAlive) { lines.append("NO RELAY: nothing is sent") }
        if let pause { lines.append("PAUSED: \(pause.text)") }
        lines += self.summary.lines
        lines += Self.section(self.destinations.map(\.row), "DESTINATION", "PENDING", "STATE")
        lines += Self.section(self.dead.byError.map(\.row), "DEAD BECAUSE", "EVENTS", "LAST", "FOR INSTANCE")
        lines += Self.section(self.relays.map(\.row), "RELAY", "VERSION", "SEEN", "BROKER")
        let tables = (self.partitions + self.tables).filter { $0.bytes > Self.smallTable }
        lines += Self.section(tables.map(\.row), "TABLE", "ROWS, ABOUT", "SIZE")
        return lines
    }

    /// An empty table has two or three pages; what is hardly larger is not worth a line.
    private static let smallTable = 65_536

    private var summary: TextTable {
        var table = TextTable("", "EVENTS", "")
        let pending = self.pending
        let age = pending.oldestAt.map {
            ", oldest \(Readable.duration(seconds: pending.oldestAgeSeconds)), since \(Readable.time($0))"
        }
        table.add(
            "pending", Readable.count(pending.count),
            "\(Readable.count(pending.due)) due, \(Readable.count(pending.delayed)) delayed, "
                + "\(Readable.count(pending.inFlight)) in flight\(age ?? "")"
        )
        table.add(
            "dead", Readable.count(self.dead.count),
            self.dead.oldestAt.map { "the first at \(Readable.time($0))" } ?? ""
        )
        table.add("discarded", Readable.count(self.discarded), "")
        table.add(
            "delivered", Readable.count(self.delivered.lastHour),
            "in the last hour, \(Readable.count(self.delivered.lastMinute)) in the last minute; "
                + "the last at \(Readable.time(self.delivered.lastAt))"
        )
        table.add("replays", Readable.count(self.replaysRunning), "running")
        return table
    }

    /// Nothing at all without rows.
    private static func section(_ rows: [[String]], _ head: String...) -> [String] {
        rows.isEmpty ? [] : [""] + TextTable(head, rows).lines
    }
}

extension OperatorPause {
    var text: String { "by \(self.pausedBy) since \(Readable.time(self.pausedAt)): \(self.reason)" }
}

extension DestinationStatus {
    var row: [String] {
        let name = self.exchange.isEmpty ? "(default exchange)" : self.exchange
        return ["\(name) \(self.routingKey)", Readable.count(self.events), self.stateText]
    }

    private var stateText: String {
        let failure = self.failure.map { "failing since \(Readable.time($0.since)): \($0.error)" }
        let pause = self.pause.map { "paused \($0.text)" }
        let texts = [pause, failure].compactMap(\.self)
        return texts.isEmpty ? self.state : texts.joined(separator: "; ")
    }
}

extension OutboxStats.DeadReason {
    fileprivate var row: [String] {
        let error = String(self.error.prefix(80))
        return [error, Readable.count(self.count), Readable.time(self.lastAt), self.sample.first ?? ""]
    }
}

extension OutboxStats.SeenRelay {
    fileprivate var row: [String] {
        let error = self.brokerError.map { ": \($0)" } ?? ""
        let seen = Readable.time(self.seenAt) + (self.isAlive ? "" : ", not any more")
        return ["\(self.host) \(self.pid)", self.version, seen, self.broker + error]
    }
}

extension OutboxStats.TableSize {
    fileprivate var row: [String] {
        [self.name, self.rowsEstimate.map(Readable.count) ?? "-", Readable.bytes(self.bytes)]
    }
}
