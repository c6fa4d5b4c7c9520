import ArgumentParser
import Foundation
import Outbox

struct OutboxListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List events.",
        discussion: """
            In the order in which they were written. A project, session or task is looked for in the payloads of the whole history: \
            narrow a large one with --since. Needs DATABASE_URL.

            Example: skillrelay outbox list --state dead --since 2h --error 406 --limit 20
            """
    )

    @OptionGroup var filter: EventFilterOptions

    @Flag(help: "Begin with the oldest.")
    var oldestFirst = false

    @Option(help: "How many events at most, 1 to \(EventPage.limits.upperBound).")
    var limit = 50

    @Option(help: "Go on after this event: the last id of the page before.", transform: EventIDArgument.read)
    var after: UUID?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard EventPage.limits.contains(self.limit) else {
            throw ValidationError("--limit is from 1 to \(EventPage.limits.upperBound)")
        }
    }

    func run() async throws {
        let filter = try self.filter.filter()
        let page = try await OutboxDatabase.perform { [after, limit, newestFirst = !self.oldestFirst] session in
            try EventPage.read(filter, after: after, newestFirst: newestFirst, limit: limit, in: session)
        }
        guard !self.output.json else { return try Output.json(page) }
        for line in page.lines { try Output.line(line) }
    }
}

/// An id on the command line: an event's, or a run's.
enum EventIDArgument {
    @Sendable
    static func read(_ text: String) throws -> UUID {
        guard let id = UUID(uuidString: text) else {
            throw ValidationError("'\(text)' is no id such as 019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90")
        }
        return id
    }
}

extension EventPage {
    /// For people.
    fileprivate var lines: [String] {
        guard !self.items.isEmpty else { return ["no event fits"] }
        let more = self.nextCursor.map { ["", "there are more: --after \($0)"] } ?? []
        return EventSummary.table(self.items).lines + more
    }
}

extension EventSummary {
    static func table(_ events: [EventSummary]) -> TextTable {
        TextTable(["ID", "STATE", "WRITTEN", "TYPE", "ATTEMPTS", "LAST ERROR, OR PAYLOAD"], events.map(\.row))
    }

    private var row: [String] {
        [
            self.id, self.state.rawValue, Readable.time(self.createdAt), self.type ?? "-",
            self.attempts.map(String.init) ?? "-", String((self.lastError ?? self.payloadStart).prefix(140)),
        ]
    }
}
