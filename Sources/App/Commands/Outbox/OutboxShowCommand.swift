import ArgumentParser
import Foundation
import Outbox

struct OutboxShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one event: its message, its attempts, and what has happened to it.",
        discussion: """
            Ends with 1 when there is no such event. Needs DATABASE_URL.

            Example: skillrelay outbox show 019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90 --json
            """
    )

    @Argument(help: "The event's id, which is its message id.", transform: EventIDArgument.read)
    var id: UUID

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let story = try await OutboxDatabase.perform { [id] in try EventStory.read(id, in: $0) }
        guard !self.output.json else { return try Output.json(story) }
        for line in try story.lines() { try Output.line(line) }
    }
}

extension EventStory {
    /// For people.
    fileprivate func lines() throws -> [String] {
        var facts = TextTable("id", self.event.id)
        facts.add("state", self.event.state.rawValue)
        facts.add("exchange", self.event.exchange)
        facts.add("routing key", self.event.routingKey)
        facts.add("type", self.event.type ?? "-")
        if let attempts = self.event.attempts { facts.add("attempts", "\(attempts)") }
        if let error = self.event.lastError { facts.add("last error", error) }
        if let next = self.event.nextAttemptAt { facts.add("next attempt", Readable.time(next)) }
        if self.maybeSent { facts.add("maybe sent", "yes: an earlier publish may have reached the broker") }
        facts.add("headers", try Output.text(self.headers))
        facts.add("payload", "\(Readable.bytes(self.event.payloadBytes))\(self.payload == nil ? ", base64" : "")")
        let body = (self.payload ?? self.payloadBase64 ?? "").split(separator: "\n", omittingEmptySubsequences: false)
        return facts.lines + body.map { "  \($0)" } + [""]
            + TextTable(["WHEN", "WHAT", ""], self.story.map(\.row)).lines
    }
}

extension EventStory.Chapter {
    fileprivate var row: [String] {
        let details = [
            self.replayId.map { "by run \($0)" }, self.newId.map { "as \($0)" }, self.by.map { "asked for by \($0)" },
            self.reason, self.error,
        ]
        return [Readable.time(self.at), self.what.rawValue, details.compactMap(\.self).joined(separator: ", ")]
    }
}
