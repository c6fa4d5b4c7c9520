import Foundation
import Postgres
import Support
import Testing

@testable import Outbox

/// Bounds that hold on any machine: they keep the speed from rotting.
@Suite("What an event costs the database", .timeLimit(.minutes(1)))
struct EventCostTests {
    private static let events = 1024

    @Test("four full batches are four transactions, and little more WAL than the rows they write")
    func relay() async throws {
        try await withTestDatabase { database in
            // Pages that are written whole, once after each checkpoint, are paid for here.
            try await Self.drain(database)
            let start = try await Self.meter(database)
            try await database.script(
                "SELECT skillrelay.enqueue('e', 'k', decode(repeat('ab', 149), 'hex')) FROM generate_series(1, \(Self.events))"
            )
            let inserted = try await Self.meter(database)
            try await Self.drain(database)
            let end = try await Self.meter(database)
            // Autovacuum and the relay's last looks may add a few.
            #expect(end.transactions - inserted.transactions <= Int64(Self.events / 256 + 8))
            let insertBytes = (inserted.walBytes - start.walBytes) / Int64(Self.events)
            let relayBytes = (end.walBytes - inserted.walBytes) / Int64(Self.events)
            #expect(insertBytes <= 800 && relayBytes <= 220, "\(insertBytes) and \(relayBytes) bytes of WAL an event")
        }
    }

    /// Writing transactions so far, and bytes of WAL.
    private static func meter(_ database: TestDatabase) async throws -> (transactions: Int64, walBytes: Int64) {
        (
            try await database.value("SELECT pg_current_xact_id()::text::bigint"),
            try await database.value("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        )
    }

    private static func drain(_ database: TestDatabase) async throws {
        let publisher = ScriptedPublisher()
        try await running(try database.relay(publisher)) {
            try await eventually("all are delivered") { try await database.pendingCount() == 0 }
        }
    }
}
