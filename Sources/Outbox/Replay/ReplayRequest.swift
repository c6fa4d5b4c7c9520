package import Foundation
package import Postgres

/// A run that an operator asks for.
package struct ReplayRequest: Sendable, Hashable {
    package let kind: Replay.Kind
    /// With the states that are meant.
    package let filter: EventFilter
    package let asNew: Bool
    package let rate: Int?

    package static let rates = 1...100_000

    /// - Parameters:
    ///   - kind: a replay is of delivered and dead events, or of one of these if the filter says so; a retry is of dead ones.
    ///   - filter: which events.
    ///   - asNew: under new ids; only a replay can.
    ///   - rate: events a second; nil for as many as go out.
    /// - Throws: `OperationError.invalid`.
    package init(
        _ kind: Replay.Kind, _ filter: EventFilter, asNew: Bool = false, rate: Int? = nil
    ) throws {
        if let rate, !Self.rates.contains(rate) {
            throw OperationError.invalid(
                "a rate is from \(Self.rates.lowerBound) to \(Self.rates.upperBound) events a second")
        }
        guard kind == .replay || !asNew else { throw OperationError.invalid("a retry keeps the ids of its events") }
        self.kind = kind
        self.filter = try filter.restricted(
            to: kind == .replay ? [.delivered, .dead] : [.dead], for: "a \(kind.rawValue)")
        self.asNew = asNew
        self.rate = rate
    }

    /// Writes the run, which the next free runner takes up. Events are judged when their turn comes: one that is pending then is skipped;
    /// none beyond the last that matches now is in it.
    ///
    /// - Parameters:
    ///   - attribution: who, and why.
    ///   - id: of the run; drawn before, so that a caller that gets no answer can look for it.
    ///   - session: with no transaction open; its statement timeout must allow for reading all that fits.
    ///   - confirm: is told how many it would be, and throws when that is too many.
    /// - Returns: the run.
    /// - Throws: `OperationError.notFound` when nothing matches or an id is unknown, `.conflict` when an event that is named by its id is
    ///   in another state, `.tooLong`; `PostgresError`; what `confirm` throws.
    package func submit(
        _ attribution: Attribution, id: UUID = EventID.next(), in session: PostgresSession,
        confirm: (Int) throws -> Void = { _ in }
    ) throws -> Replay {
        try session.transaction {
            try self.filter.checkIDs(in: session)
            guard let range = try self.range(in: session) else { throw OperationError.notFound("no event fits") }
            try confirm(range.count)
            let filter = String(decoding: try JSONEncoder().encode(self.filter), as: UTF8.self)
            try session.execute(
                Self.insert,
                [
                    .uuid(id), .text(self.kind.rawValue), .text(attribution.by), .text(attribution.reason),
                    .json(filter),
                    .bool(self.asNew), .optional(self.rate) { .int4(Int32($0)) }, .int8(Int64(range.count)),
                    .uuid(range.least.predecessor), .uuid(range.greatest),
                ]
            )
            let details = Details(
                replay: id.lowercased, filter: self.filter, asNew: self.asNew, rate: self.rate, total: range.count)
            try OperatorAction.record(
                self.kind == .replay ? .replay : .retry, attribution, details, in: session
            )
            return try Replay.find(id, in: session)
        }
    }

    private struct Details: Encodable {
        let replay: String
        let filter: EventFilter
        let asNew: Bool
        let rate: Int?
        let total: Int
    }

    private struct Range {
        let count: Int
        let least: UUID
        let greatest: UUID
    }

    /// What matches now: how many, and between which ids. What a run writes as new is not in its own range: those ids are drawn by the
    /// database's clock, later.
    private func range(in session: PostgresSession) throws -> Range? {
        let selection = EventSelection(self.filter, firstParameter: 2)
        // PostgreSQL 18 is the first with min and max of uuid; as texts in the C collation they sort alike.
        let statement = PostgresStatement(
            "replay.range",
            """
            SELECT count(*), min(o.id::text COLLATE "C")::uuid, max(o.id::text COLLATE "C")::uuid
            FROM \(selection.source)
            WHERE (\(selection.condition)) AND ($1 IS FALSE OR o.id < skillrelay.uuid7_floor(clock_timestamp()))
            """,
            isReadOnly: true
        )
        return try session.search(statement, [.bool(self.asNew)] + selection.parameters) { row in
            let (count, least, greatest) = try row.decode(Int.self, UUID?.self, UUID?.self)
            guard let least, let greatest else { return Range?.none }
            return Range(count: count, least: least, greatest: greatest)
        }[0]
    }

    private static let insert = PostgresStatement(
        "replay.request",
        """
        INSERT INTO skillrelay.replays
            (id, kind, requested_by, reason, filter, as_new, rate, total, position, bound)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """
    )
}

extension UUID {
    /// The id just before this one.
    fileprivate var predecessor: UUID {
        withUnsafeBytes(of: self.uuid) { bytes in
            var number = UInt128(bigEndian: bytes.loadUnaligned(as: UInt128.self))
            number = (number == 0 ? 0 : number - 1).bigEndian
            return withUnsafeBytes(of: number) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
        }
    }
}
