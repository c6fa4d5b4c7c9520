import ArgumentParser
import Outbox

/// Which events a command is about. What is not given fits any.
struct EventFilterOptions: ParsableArguments {
    @Option(help: "pending, dead, discarded or delivered; several separated by commas.")
    var state: [String] = []

    @Option(help: "Written at this time or later: 2026-11-23T00:00:00Z, or how long ago: 90s, 15m, 2h, 7d.")
    var since: String?

    @Option(help: "Written before this time.")
    var until: String?

    @Option(help: "The project_id in the payload.")
    var project: String?

    @Option(help: "The session_id in the payload.")
    var session: String?

    @Option(help: "The task_id in the payload.")
    var task: String?

    @Option(help: "The message's type.")
    var type: String?

    @Option(help: "The exchange it goes to.")
    var exchange: String?

    @Option(help: "The routing key it goes with.")
    var routingKey: String?

    @Option(help: "A part of the last error, in any case of letters.")
    var error: String?

    @Option(help: "The event's id, which is its message id; several separated by commas.")
    var id: [String] = []

    /// - Throws: a usage error for what makes no sense.
    func filter() throws -> EventFilter {
        var filter = EventFilter()
        do throws(EventFilterError) {
            for text in self.state { try filter.set(.state, to: text) }
            for text in self.id { try filter.set(.id, to: text) }
            let others: [(EventFilter.Field, String?)] = [
                (.since, self.since), (.until, self.until), (.project, self.project), (.session, self.session),
                (.task, self.task), (.type, self.type), (.exchange, self.exchange), (.routingKey, self.routingKey),
                (.error, self.error),
            ]
            for case (let field, let text?) in others { try filter.set(field, to: text) }
        } catch {
            throw ValidationError("--\(error.field.replacing("_", with: "-")): \(error.problem)")
        }
        return filter
    }

    func validate() throws {
        _ = try self.filter()
    }
}
