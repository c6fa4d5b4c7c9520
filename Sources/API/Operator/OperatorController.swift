import Foundation
import Hummingbird
import Outbox
import Postgres

/// `/admin/v1`: the verbs of `skillrelay outbox`, over the same functions (docs/outbox-admin.md).
struct OperatorController: Sendable {
    let services: OperatorServices
    let bodies: BodyReader

    private static let listLimits = 1...1000

    var routes: RouteCollection<RelayContext> {
        RouteCollection(context: RelayContext.self)
            .get("stats", use: self.stats)
            .get("events", use: self.events)
            .get("events/:id", use: self.event)
            .get("replays", use: self.replays)
            .get("replays/:id", use: self.run)
            .post("replays/:id/cancel", use: self.cancel)
            .post("replay") { request, _ in try await self.submit(.replay, request, .asNew) }
            .post("retry") { request, _ in try await self.submit(.retry, request) }
            .post("discard", use: self.discard)
            .post("purge", use: self.purge)
            .get("pauses", use: self.pauses)
            .post("pause", use: self.pause)
            .post("resume", use: self.resume)
            .get("actions", use: self.actions)
            .get("verify", use: self.verify)
    }

    // MARK: Looking

    @Sendable
    private func stats(_ request: Request, _: RelayContext) async throws -> Response {
        _ = try OperatorQuery(request.uri.query, names: [])
        return try Envelope.encoded(try await self.services.database.perform { try OutboxStats.read(in: $0) })
    }

    @Sendable
    private func events(_ request: Request, _: RelayContext) async throws -> Response {
        let names = EventFilter.Field.allCases.map(\.rawValue) + ["order", "limit", "cursor"]
        let query = try OperatorQuery(request.uri.query, names: names)
        let filter = try query.filter()
        let limit = try query.integer("limit", in: EventPage.limits, default: 50)
        let cursor = try query.id("cursor")
        let order = query.text("order") ?? "newest"
        guard ["newest", "oldest"].contains(order) else {
            throw OperationError.invalid("order: is none of newest, oldest")
        }
        let page = try await self.services.database.perform { session in
            try EventPage.read(filter, after: cursor, newestFirst: order == "newest", limit: limit, in: session)
        }
        return try Envelope.encoded(page)
    }

    @Sendable
    private func event(_: Request, context: RelayContext) async throws -> Response {
        let id = try Self.id(context)
        return try Envelope.encoded(try await self.services.database.perform { try EventStory.read(id, in: $0) })
    }

    @Sendable
    private func replays(_ request: Request, _: RelayContext) async throws -> Response {
        let limit = try Self.limit(request)
        return try Envelope.items(try await self.services.database.perform { try Replay.list(limit: limit, in: $0) })
    }

    @Sendable
    private func run(_: Request, context: RelayContext) async throws -> Response {
        let id = try Self.id(context)
        return try Envelope.encoded(try await self.services.database.perform { try Replay.find(id, in: $0) })
    }

    @Sendable
    private func actions(_ request: Request, _: RelayContext) async throws -> Response {
        let limit = try Self.limit(request)
        let actions = try await self.services.database.perform { try OperatorAction.list(limit: limit, in: $0) }
        return try Envelope.items(actions)
    }

    @Sendable
    private func pauses(_: Request, _: RelayContext) async throws -> Response {
        try Envelope.items(try await self.services.database.perform { try OperatorPause.list(in: $0) })
    }

    @Sendable
    private func verify(_ request: Request, _: RelayContext) async throws -> Response {
        let query = try OperatorQuery(request.uri.query, names: [EventFilter.Field.since.rawValue])
        let since = try query.filter().since
        return try Envelope.encoded(
            try await self.services.database.lend { try await OutboxVerification.run(since: since, on: $0) }
        )
    }

    // MARK: Changing

    private func submit(
        _ kind: Replay.Kind, _ request: Request, _ members: OperationBody.Member...
    ) async throws -> Response {
        let body = try OperationBody(
            try await self.bodies.read(request), members: members + [.filter, .rate, .dryRun, .yes]
        )
        let replay = try ReplayRequest(kind, body.filter, asNew: body.asNew, rate: body.rate)
        if body.dryRun { return try await self.estimate(replay.filter, rate: replay.rate) }
        let attribution = try body.attribution()
        let run = try await self.services.database.perform { session in
            try replay.submit(attribution, in: session, confirm: body.confirm)
        }
        return try Envelope.encoded(run, .created)
    }

    @Sendable
    private func discard(_ request: Request, _: RelayContext) async throws -> Response {
        let body = try OperationBody(try await self.bodies.read(request), members: [.filter, .dryRun, .yes])
        let filter = try Discard.filter(body.filter)
        if body.dryRun { return try await self.estimate(filter, rate: nil) }
        let attribution = try body.attribution()
        let count = try await self.services.database.perform { session in
            try Discard.run(filter, attribution, in: session, confirm: body.confirm)
        }
        return try Envelope.encoded(["discarded": count])
    }

    @Sendable
    private func cancel(_ request: Request, context: RelayContext) async throws -> Response {
        let id = try Self.id(context)
        let attribution = try OperationBody(try await self.bodies.read(request), members: []).attribution()
        let run = try await self.services.database.perform { try Replay.cancel(id, attribution, in: $0) }
        return try Envelope.encoded(run)
    }

    @Sendable
    private func purge(_ request: Request, _: RelayContext) async throws -> Response {
        let body = try OperationBody(try await self.bodies.read(request), members: [.days, .dryRun, .yes])
        if let days = body.days, !Retention.allowedDays.contains(days) {
            let range = Retention.allowedDays
            throw OperationError.invalid("days: is no integer from \(range.lowerBound) to \(range.upperBound)")
        }
        let retention = body.days.map { Retention(days: $0) } ?? self.services.retention
        if body.dryRun {
            return try Envelope.encoded(try await self.services.database.lend { try await retention.preview(on: $0) })
        }
        let attribution = try body.attribution()
        let usual = self.services.retention.days
        guard retention.days >= usual || body.yes else {
            throw OperationError.conflict(
                "\(retention.days) days are fewer than the \(usual) that are set: say \"yes\": true")
        }
        let removed = try await self.services.database.lend { connection in
            do {
                return try await retention.purge(attribution, on: connection)
            } catch let error as PostgresError where error.code == .cancelled || error.sqlState == .queryCanceled {
                throw OperationError.tooLong("the purge took too long: some may be removed, see actions")
            }
        }
        return try Envelope.encoded(removed)
    }

    @Sendable
    private func pause(_ request: Request, _: RelayContext) async throws -> Response {
        try await self.changePauses(request, OperatorPause.pause)
    }

    @Sendable
    private func resume(_ request: Request, _: RelayContext) async throws -> Response {
        try await self.changePauses(request, OperatorPause.resume)
    }

    /// Answers with what is paused then.
    private func changePauses(
        _ request: Request, _ change: @Sendable (Destination?, Attribution, PostgresSession) throws -> Void
    ) async throws -> Response {
        let body = try OperationBody(try await self.bodies.read(request), members: [.exchange, .routingKey])
        let destination = try body.destination()
        let attribution = try body.attribution()
        let pauses = try await self.services.database.perform { session in
            try change(destination, attribution, session)
            return try OperatorPause.list(in: session)
        }
        return try Envelope.items(pauses)
    }

    // MARK: Parts

    private func estimate(_ filter: EventFilter, rate: Int?) async throws -> Response {
        try Envelope.encoded(
            try await self.services.database.perform { try EventEstimate.read(filter, rate: rate, in: $0) }
        )
    }

    private static func id(_ context: RelayContext) throws -> UUID {
        guard let id = pathID(context.parameters.get("id")) else { throw OperationError.invalid("id: is no id") }
        return id
    }

    private static func limit(_ request: Request) throws -> Int {
        try OperatorQuery(request.uri.query, names: ["limit"]).integer("limit", in: Self.listLimits, default: 20)
    }
}

extension Envelope {
    /// Success with a value as the command line prints it.
    fileprivate static func encoded(_ value: some Encodable, _ status: HTTPResponse.Status = .ok) throws -> Response {
        let json = try OperatorJSON.text(value)
        return Self.data(status) { $0.raw(json) }
    }

    fileprivate static func items(_ items: [some Encodable]) throws -> Response {
        try Self.encoded(["items": items])
    }
}
