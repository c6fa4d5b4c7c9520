import ArgumentParser
import Logging
import Outbox
import Postgres
import RabbitMQ
import Tasks

struct OutboxVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that no event is missing.",
        discussion: """
            Every committed event must be pending, dead, discarded or delivered. With --tap it also compares what was delivered with a \
            queue of yours that is bound to the same exchange and routing key and that nobody reads; its messages stay in it. \
            Exits with 0 if nothing is missing and nothing stray, else with 1. Changes nothing, and reads every event that is \
            kept: narrow a large history with --since. Needs DATABASE_URL, and RABBITMQ_URL with --tap.

            Example: skillrelay outbox verify --tap learning.tap --since 2026-11-23T00:00:00Z --json
            """
    )

    @Option(
        help: "Only events from this time on, as for list; with --tap: when the tap was bound.",
        transform: { (text: String) throws -> PostgresTimestamp? in
            var filter = EventFilter()
            do throws(EventFilterError) {
                try filter.set(.since, to: text)
            } catch {
                throw ValidationError(error.problem)
            }
            return filter.since
        }
    )
    var since: PostgresTimestamp?

    @Option(help: "A queue to compare with.")
    var tap: String?

    @Option(help: "The exchange that the tap is bound to.")
    var exchange = SkillLearnTask.exchange

    @Option(help: "The routing key that the tap is bound with.")
    var routingKey = SkillLearnTask.routingKey

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if self.tap != nil, self.since == nil {
            throw ValidationError("--tap needs --since: what was sent before the tap was bound is not in it")
        }
    }

    func run() async throws {
        let config = try await Settings.load()
        let logger = try LogConfiguration(config: config).makeLogger()
        var database = try DatabaseConfiguration(config: config).connection
        let broker = try self.tap.map { _ in try BrokerConfiguration(config: config).connection }
        database.statementTimeout = .seconds(600)
        let connection = try await PostgresConnection.connect(database, logger: logger)
        let outcome = await Result { try await self.verify(connection, broker: broker, logger: logger) }
        await connection.close()
        let report = try outcome.get()
        try self.print(report)
        if !report.isClean { throw ExitCode(ExitStatus.failed.rawValue) }
    }

    private func verify(
        _ connection: PostgresConnection,
        broker: RabbitMQConfiguration?,
        logger: Logger
    ) async throws -> Report {
        let books = try await OutboxVerification.run(since: self.since, on: connection)
        guard let broker, let tap = self.tap, let since = self.since else { return Report(books: books, tap: nil) }
        let until = try await TapVerification.now(on: connection)
        let contents = try await TapContents.read(tap, configuration: broker, logger: logger)
        let comparison = try await TapVerification.run(
            ids: contents.ids, destination: Destination(exchange: self.exchange, routingKey: self.routingKey),
            since: since, until: until, on: connection
        )
        return Report(books: books, tap: Report.Tap(contents: contents, comparison: comparison))
    }

    private func print(_ report: Report) throws {
        guard !self.output.json else { return try Output.json(report) }
        for line in report.lines { try Output.line(line) }
    }

    private struct Report: Encodable {
        let committed: Int
        let pending: Int
        let dead: Int
        let discarded: Int
        let delivered: Int
        let missing: EventFinding
        let stray: EventFinding
        let tap: Tap?

        struct Tap: Encodable {
            let messages: Int
            let repeated: Int
            let foreign: Int
            let delivered: Int
            let missing: EventFinding
            let stray: EventFinding

            init(contents: TapContents, comparison: TapVerification) {
                self.messages = contents.messageCount
                self.repeated = contents.repeatedCount
                self.foreign = contents.foreignCount
                self.delivered = comparison.delivered
                self.missing = comparison.missing
                self.stray = comparison.stray
            }
        }

        init(books: OutboxVerification, tap: Tap?) {
            self.committed = books.committed
            self.pending = books.pending
            self.dead = books.dead
            self.discarded = books.discarded
            self.delivered = books.delivered
            self.missing = books.missing
            self.stray = books.stray
            self.tap = tap
        }

        var isClean: Bool {
            [self.missing, self.stray, self.tap?.missing, self.tap?.stray].allSatisfy { $0?.count ?? 0 == 0 }
        }

        /// For people: counts, then what is wrong with which events.
        var lines: [String] {
            var lines = [
                "committed \(self.committed), pending \(self.pending), dead \(self.dead), "
                    + "discarded \(self.discarded), delivered \(self.delivered)"
            ]
            lines += self.missing.lines("missing: committed, and neither pending, dead, discarded nor delivered")
            lines += self.stray.lines("stray: pending, dead, discarded or delivered, and never committed")
            if let tap = self.tap {
                lines.append(
                    "tap: \(tap.messages) messages, \(tap.repeated) repeated, \(tap.foreign) foreign; "
                        + "\(tap.delivered) events delivered since"
                )
                lines += tap.missing.lines("missing from the tap: delivered, and not in it")
                lines += tap.stray.lines("stray in the tap: in it, and never committed")
            }
            lines.append(self.isClean ? "nothing is missing" : "this outbox does not balance")
            return lines
        }
    }
}

extension EventFinding {
    fileprivate func lines(_ title: String) -> [String] {
        guard self.count > 0 else { return [] }
        let more = self.count - self.ids.count
        return ["\(self.count) \(title)"] + self.ids.map { "  \($0)" } + (more > 0 ? ["  and \(more) more"] : [])
    }
}
