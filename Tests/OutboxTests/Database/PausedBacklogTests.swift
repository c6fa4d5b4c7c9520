import Foundation
import Logging
import Postgres
import Support
import Testing

@testable import Outbox

/// Bounds in rows, not in time: they hold on any machine.
@Suite("The backlog of a paused destination, on a real database", .timeLimit(.minutes(2)))
struct PausedBacklogTests {
    private static let backlog: Int64 = 300_000
    private static let bad = Destination(exchange: "e", routingKey: "bad")

    /// A few real events and, because only the first is ever asked for, many pending rows without one.
    private static func fill(_ database: TestDatabase) async throws {
        try await database.enqueue(600, key: "bad")
        try await database.script(
            """
            INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key)
            SELECT gen_random_uuid(), 'e', 'bad' FROM generate_series(1, \(Self.backlog))
            """
        )
        try await database.script("VACUUM ANALYZE skillrelay.outbox_pending")
    }

    /// Rows that claims have read from the table's index by place so far.
    private static func rowsRead(_ database: TestDatabase) async throws -> Int64 {
        try await database.value(
            "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'outbox_pending_pkey'")
    }

    @Test("others flow past it, and it is walked over as often as sweeps may, not with each look")
    func others() async throws {
        try await withTestDatabase { database in
            try await Self.fill(database)
            let publisher = ScriptedPublisher { event in
                event.routingKey == "bad" ? .destinationFault("returned: 312 NO_ROUTE") : .delivered
            }
            let relay = try database.relay(publisher) { $0.pollInterval = .milliseconds(5) }
            try await running(relay) {
                try await database.enqueue(300, key: "good")
                let good = { publisher.published.count { $0.routingKey == "good" } }
                try await eventually("the good ones are through") { good() == 300 }
                let before = try await Self.rowsRead(database)
                let started = ContinuousClock.now
                for number in 1...100 {
                    try await database.enqueue(1, key: "good")
                    relay.wake()
                    try await eventually("each is through", within: .seconds(3)) { good() == 300 + number }
                }
                try await eventually("the server has counted", within: .seconds(10)) {
                    ContinuousClock.now - started > .seconds(4)
                }
                // A look that walks over all of it takes some 50 ms, and there were hundreds; sweeps have a twentieth of the time.
                let walks = (try await Self.rowsRead(database) - before) / Self.backlog
                #expect(walks < 12)
            }
        }
    }

    @Test(
        "a claim walks over a slice at most, one beyond the backlog over nothing, and a probe finds its event at once")
    func plan() async throws {
        try await withTestDatabase { database in
            try await Self.fill(database)
            try await database.enqueue(1, key: "other")
            let last = try await database.value("SELECT max(seq) FROM skillrelay.outbox_pending", as: Int64.self)
            let slice = ClaimFloor.widest
            let inside = try await Self.passedOver(.allBut([Self.bad]), .init(after: 0, through: slice), database)
            #expect(inside == slice)
            let beyond = try await Self.passedOver(
                .allBut([Self.bad]), .init(after: last - 1, through: last - 1 + slice), database)
            #expect(beyond == 0)
            let probe = try await Self.passedOver(
                .only(Destination(exchange: "e", routingKey: "other")), .init(after: last - 1, through: last + slice),
                database
            )
            #expect(probe == 0)
        }
    }

    /// Rows that the claim has looked at and left.
    private static func passedOver(
        _ scope: Claim.Scope, _ range: ClaimRange, _ database: TestDatabase
    ) async throws -> Int64 {
        let plan = try await database.values(
            "EXPLAIN (ANALYZE, COSTS OFF) " + Claim.statement.sql,
            [.int8(1), .int8(1 << 20), .int8(range.after), .int8(range.through)] + scope.parameters, as: String.self
        )
        #expect(
            plan.contains { $0.contains("outbox_pending_pkey") }
                && !plan.contains { $0.contains("Seq Scan on outbox_pending ") })
        let removed = plan.filter { $0.contains("Rows Removed by") }.compactMap { line in
            line.split(separator: " ").last.flatMap { Int64($0) }
        }
        return removed.reduce(0, +)
    }

    @Test("when it is back it flows at full speed, wherever it begins")
    func back() async throws {
        try await withTestDatabase { database in
            // Two paused destinations, one behind the other.
            try await Self.fill(database)
            try await database.enqueue(5000, key: "mended")
            let mended = ScriptedPublisher()  // its readiness says that the destination is mended
            mended.isReady = false
            let publisher = ScriptedPublisher { event in
                switch event.routingKey {
                case "bad": .destinationFault("returned: 312 NO_ROUTE")
                case "mended" where !mended.isReady: .destinationFault("returned: 312 NO_ROUTE")
                default: .delivered
                }
            }
            try await running(try database.relay(publisher)) {
                try await eventually("both have failed") { publisher.published.contains { $0.routingKey == "mended" } }
                mended.isReady = true
                try await eventually("it flows") { try await database.deliveredIDs().count == 5000 }
            }
        }
    }

    @Test("hundreds of failing destinations hold up a batch for the others by one event each turn")
    func manyFailing() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher(
                script: { $0.routingKey == "k" ? .delivered : .destinationFault("returned: 312 NO_ROUTE") },
                // As a broker takes, at the least.
                beforeAnswer: { try? await Task.sleep(for: .milliseconds(5)) }
            )
            try await database.script(
                "SELECT skillrelay.enqueue('e', 'bad.' || n, '') FROM generate_series(1, 300) AS n")
            let relay = try database.relay(publisher) {
                $0.batchSize = 10
                $0.lanes = 1
            }
            try await running(relay) {
                try await eventually("all have failed") { Set(publisher.published.map(\.routingKey)).count == 300 }
                try await database.enqueue(300)
                // 30 batches; a turn that asked all would take 1.5 s.
                try await eventually("the others are through", within: .seconds(10)) {
                    publisher.published.count { $0.routingKey == "k" } == 300
                }
                let asked = publisher.published.count
                try await eventually("the failing ones are asked all the time") {
                    publisher.published.count > asked + 600
                }
            }
        }
    }
}
