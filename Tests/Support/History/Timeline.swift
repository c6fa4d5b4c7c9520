/// All that a history knows of one event or task, in order: what to read when a promise was broken.
package struct Timeline: CustomStringConvertible {
    package let description: String

    /// The story of the violation's subject.
    package init(of violation: Violation, in history: History) {
        let subject = violation.subject
        let events = history.outbox.events.filter { $0.id == subject || $0.task == subject }
        let ids = Set(events.map(\.id)).union([subject])
        let tasks = Set(events.compactMap(\.task)).union([subject])
        var lines: [(Duration, String)] = []
        for request in history.requests where tasks.contains(request.task) {
            lines.append((request.sentAt, "PATCH \(request.task) to \(request.status)"))
            if let answeredAt = request.answeredAt { lines.append((answeredAt, "answered: \(request.answer)")) }
        }
        for event in events {
            lines.append((event.createdAt, "event \(event.id) written: \(event.body)"))
        }
        for arrival in history.arrivals where ids.contains(arrival.id) {
            let marks = (arrival.redelivered ? ", redelivered" : "") + (arrival.possibleDuplicate ? ", marked" : "")
            lines.append((arrival.at, "message \(arrival.id) received\(marks): \(arrival.body)"))
        }
        let first = lines.map(\.0).min() ?? violation.at
        let last = max(lines.map(\.0).max() ?? violation.at, violation.at)
        for incident in history.incidents where incident.injectedAt <= last && incident.window.upperBound >= first {
            lines.append((incident.injectedAt, "fault: \(incident.fault)"))
            if let healedAt = incident.healedAt { lines.append((healedAt, "healed: \(incident.fault)")) }
            if let recoveredAt = incident.recoveredAt { lines.append((recoveredAt, "well again: \(incident.fault)")) }
        }
        for id in ids.sorted() {
            if history.outbox.pending.contains(id) { lines.append((.atTheEnd, "\(id) is pending")) }
            if history.outbox.dead.contains(id) { lines.append((.atTheEnd, "\(id) is dead")) }
            if history.outbox.delivered.contains(id) { lines.append((.atTheEnd, "\(id) is delivered")) }
        }
        let story = lines.sorted { $0.0 < $1.0 }.map { moment, text in
            "  \(moment == .atTheEnd ? "at the end" : moment.inSeconds) \(text)"
        }
        self.description = (["\(violation)"] + story).joined(separator: "\n")
    }
}

extension Duration {
    /// Seconds with milliseconds, as `12.345`.
    package var inSeconds: String {
        let (seconds, attoseconds) = self.components
        let milliseconds = "\(attoseconds / 1_000_000_000_000_000 + 1000)".dropFirst()
        return "\(seconds).\(milliseconds)"
    }
}
