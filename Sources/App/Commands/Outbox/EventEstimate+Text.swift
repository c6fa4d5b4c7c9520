import Outbox

extension EventEstimate {
    /// What a dry run says.
    func print(_ output: OutputOptions) throws {
        guard !output.json else { return try Output.json(self) }
        for line in self.lines { try Output.line(line) }
    }

    private var lines: [String] {
        guard self.count > 0 else { return ["no event fits"] }
        let (oldest, newest) = (Readable.time(self.oldestAt), Readable.time(self.newestAt))
        var lines = [
            "\(Readable.count(self.count)) events, \(Readable.bytes(self.payloadBytes)), written from \(oldest) to \(newest)",
            self.time,
        ]
        for destination in self.destinations {
            let name = "\(destination.exchange) \(destination.routingKey)"
            let cause =
                destination.pause.map { ": paused by \($0.pausedBy): \($0.reason)" }
                ?? destination.failure.map { " since \(Readable.time($0.since)): \($0.error)" } ?? ""
            lines.append("to \(name): \(destination.events), \(destination.state)\(cause)")
        }
        var table = TextTable("ID", "STATE", "PAYLOAD")
        for event in self.sample { table.add(event.id, event.state.rawValue, String(event.payloadStart.prefix(60))) }
        return lines + ["the newest:"] + table.lines
    }

    private var time: String {
        guard let rate, let seconds else { return "as fast as the relays send, behind live events" }
        return "at \(Readable.count(rate)) a second: \(Readable.duration(seconds: seconds))"
    }
}
