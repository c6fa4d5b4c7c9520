import Foundation
import Logging
import Postgres
import Support
import Synchronization
import Testing

@testable import Outbox

@Suite("Confirms that the database does not know of yet, on a real database", .timeLimit(.minutes(2)))
struct OwedEventsRelayTests {
    private static func connect(_ database: TestDatabase) async throws -> PostgresConnection {
        try await PostgresConnection.connect(
            try PostgresConfiguration(connectionString: database.url), logger: Logger(label: "test")
        )
    }

    /// Ends the relay's session under it.
    private static func killRelay(_ database: TestDatabase) async throws {
        let killed = try await database.value(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'relay-under-test' AND datname = current_database()
            """,
            as: Int.self
        )
        #expect(killed == 1)
    }

    @Test(
        "a relay whose connection dies between confirm and commit completes the batch on the next, without a duplicate")
    func connectionDies() async throws {
        try await withTestDatabase { database in
            let gate = Gate()
            let publisher = ScriptedPublisher(beforeAnswer: { await gate.wait() })
            try await database.enqueue(10)
            try await running(try database.relay(publisher)) {
                try await eventually("a batch is in flight") { publisher.published.count == 10 }
                try await Self.killRelay(database)
                gate.open()
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 10)
            let delivered = try await database.deliveredIDs()
            #expect(delivered.count == 10)
            #expect(Set(delivered) == Set(publisher.published.map(\.id)))
        }
    }

    @Test("a batch that takes longer than its transaction may stay open is completed all the same")
    func transactionTimedOut() async throws {
        try await withTestDatabase { database in
            let gate = Gate()
            let publisher = ScriptedPublisher(beforeAnswer: { await gate.wait() })
            try await database.enqueue(10)
            let relay = try database.relay(publisher, idleInTransactionTimeout: .milliseconds(200))
            try await running(relay) {
                try await eventually("a batch is in flight") { publisher.published.count == 10 }
                try await eventually("the server has ended its transaction") {
                    try await database.value(
                        """
                        SELECT count(*) FROM pg_stat_activity
                        WHERE application_name = 'relay-under-test' AND datname = current_database()
                        """,
                        as: Int.self
                    ) == 0
                }
                gate.open()
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 10)
        }
    }

    @Test("in such a batch an event without a confirm goes out again, marked, and only it")
    func connectionDiesUnknown() async throws {
        try await withTestDatabase { database in
            let gate = Gate()
            let publisher = ScriptedPublisher(
                script: { $0.routingKey == "lost" && !$0.maybeSent ? .unknown("no confirm") : .delivered },
                beforeAnswer: { await gate.wait() }
            )
            try await database.enqueue(3)
            try await database.enqueue(2, key: "lost")
            try await running(try database.relay(publisher)) {
                try await eventually("a batch is in flight") { publisher.published.count == 5 }
                try await Self.killRelay(database)
                gate.open()
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published[5...].map(\.routingKey) == ["lost", "lost"])
            #expect(publisher.published[5...].map(\.maybeSent) == [true, true])
            #expect(try await database.deliveredIDs().count == 5)
        }
    }

    @Test("a settlement that the database refuses is not published again in a loop: what is confirmed is completed")
    func settlementRefused() async throws {
        try await withTestDatabase { database in
            // The batch's statement fails whenever a refused event is in it; completing by id does not.
            try await database.script(
                """
                CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'refused by a test'; END $$;
                CREATE TRIGGER refuse BEFORE UPDATE OF last_error ON skillrelay.outbox_pending
                FOR EACH ROW EXECUTE FUNCTION public.refuse();
                """
            )
            let publisher = ScriptedPublisher { event in
                event.routingKey == "bad" ? .eventFault("too large") : .delivered
            }
            try await database.enqueue(20)
            try await database.enqueue(1, key: "bad")
            try await running(try database.relay(publisher)) {
                try await eventually("the good ones are completed") { try await database.pendingCount() == 1 }
                try await database.script("DROP TRIGGER refuse ON skillrelay.outbox_pending")
                try await eventually("the bad one is parked") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count { $0.routingKey != "bad" } == 20)
            #expect(try await database.deliveredIDs().count == 20)
        }
    }

    @Test("a confirm that comes long after its batch completes its event, which is not published again")
    func lateConfirm() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher(
                script: { _ in .unknown("blocked") }, staysReady: false
            )
            try await database.enqueue(5)
            try await running(try database.relay(publisher)) {
                try await eventually("the batch is given back, marked") {
                    try await database.value(
                        "SELECT count(*) FROM skillrelay.outbox_pending WHERE maybe_sent", as: Int.self
                    ) == 5
                }
                publisher.confirmLate(publisher.published.map(\.id))
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
                publisher.isReady = true
                let asked = publisher.questions
                try await eventually("the relay looks again") { publisher.questions > asked + 5 }
            }
            #expect(publisher.published.count == 5)
            #expect(try await database.deliveredIDs().count == 5)
            let batches = try await database.value("SELECT count(*) FROM skillrelay.outbox_deliveries", as: Int.self)
            #expect(batches == 1)
        }
    }

    @Test("owed rows that another transaction holds are completed when it ends, and not published")
    func heldElsewhere() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(3)
            let (relay, other) = (try await Self.connect(database), try await Self.connect(database))
            let claim = try await Claim.take(
                .allBut([]), in: .init(after: 0, through: 100), limit: 10, bytes: 9000, on: relay
            )
            var owed = OwedEvents()
            owed.claimed(claim.events)
            owed.add(delivered: claim.events.map(\.id))
            // The claim's own transaction still holds the rows, as that of a lost connection may.
            owed.settled(owed, stillPending: try await owed.write(on: other))
            #expect(owed.count == 3)
            #expect(try await database.pendingCount() == 3)
            #expect(try await database.deliveredIDs().isEmpty)
            try await relay.perform { try $0.rollback() }
            owed.settled(owed, stillPending: try await owed.write(on: other))
            #expect(owed.isEmpty)
            #expect(try await database.pendingCount() == 0)
            #expect(try await database.deliveredIDs().count == 3)
            await relay.close()
            await other.close()
        }
    }

    @Test("writing what was committed after all changes nothing, and leaves a replay alone")
    func writtenBefore() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(2)
            let connection = try await Self.connect(database)
            let claim = try await Claim.take(
                .allBut([]), in: .init(after: 0, through: 100), limit: 10, bytes: 9000, on: connection
            )
            let events = claim.events
            try await claim.settle(Settlement(delivered: events))
            try await database.script(
                """
                INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key)
                SELECT id, exchange, routing_key FROM skillrelay.outbox LIMIT 1
                """
            )
            var owed = OwedEvents()
            owed.claimed(events)
            owed.add(Settlement(delivered: events))
            owed.settled(owed, stillPending: try await owed.write(on: connection))
            await connection.close()
            #expect(owed.isEmpty)
            #expect(try await database.pendingCount() == 1)
            #expect(try await database.deliveredIDs().count == 2)
        }
    }

    @Test("what is owed at the stop is written before the relay ends")
    func stop() async throws {
        try await withTestDatabase { database in
            let gate = Gate()
            let publisher = ScriptedPublisher(beforeAnswer: { await gate.wait() })
            try await database.enqueue(10)
            async let killing: Void = {
                try await eventually("a batch is in flight") { publisher.published.count == 10 }
                // The stop below has begun by then.
                try await Task.sleep(for: .milliseconds(200))
                try await Self.killRelay(database)
                gate.open()
            }()
            try await running(try database.relay(publisher)) {
                try await eventually("a batch is in flight") { publisher.published.count == 10 }
            }
            try await killing
            #expect(try await database.pendingCount() == 0)
            #expect(publisher.published.count == 10)
        }
    }

    @Test("at a stop what the second lane owes is written, too, however long that lane takes")
    func secondLaneAtStop() async throws {
        try await withTestDatabase { database in
            let both = Gate()
            let gate = Gate()
            let calls = Mutex(0)
            let publisher = ScriptedPublisher(beforeAnswer: {
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                // The first lane's batch waits until the second has one, and that waits for the test.
                if call == 1 { return await both.wait() }
                both.open()
                await gate.wait()
            })
            try await database.enqueue(10)
            async let answer: Void = {
                try await eventually("the first lane is done, the second publishes") {
                    try await database.deliveredIDs().count == 5 && publisher.published.count == 10
                }
                let killed = try await database.value(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE application_name = 'relay-under-test' AND datname = current_database()
                        -- It holds rows. The other one looks for some now and then.
                        AND state = 'idle in transaction' AND backend_xid IS NOT NULL
                    """,
                    as: Int.self
                )
                #expect(killed == 1)
                // Well into the stop.
                try await Task.sleep(for: .milliseconds(500))
                gate.open()
            }()
            try await running(try database.relay(publisher) { $0.batchSize = 5 }) {
                try await eventually("both lanes have a batch") { try await database.deliveredIDs().count == 5 }
            }
            try await answer
            #expect(try await database.pendingCount() == 0)
            #expect(publisher.published.count == 10)
        }
    }
}
