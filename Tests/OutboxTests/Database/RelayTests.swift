import Foundation
import InMemoryLogging
import Logging
import Postgres
import Support
import Testing

@testable import Outbox

@Suite("The relay, on a real database with a scripted broker", .timeLimit(.minutes(2)))
struct RelayTests {
    @Test("what is confirmed leaves the pending list, once, and stays in the history")
    func delivers() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(1000)
            let publisher = ScriptedPublisher()
            // Several overtake each other.
            try await running(try database.relay(publisher) { $0.lanes = 1 }) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(
                publisher.published.map { String(decoding: $0.payload, as: UTF8.self) } == (1...1000).map(String.init))
            let ids = try await database.values("SELECT id FROM skillrelay.outbox ORDER BY id", as: UUID.self)
            #expect(Set(ids) == Set(publisher.published.map(\.id)))
            #expect(try await database.deliveredIDs().count == 1000)
            let wrong = try await database.value(
                """
                SELECT count(*) FROM skillrelay.outbox_deliveries AS d
                WHERE least <> (SELECT min(i::text)::uuid FROM unnest(ids) AS i)
                    OR greatest <> (SELECT max(i::text)::uuid FROM unnest(ids) AS i)
                """,
                as: Int.self
            )
            #expect(wrong == 0)
        }
    }

    @Test("while the broker is away nothing is claimed; when it is back everything flows")
    func brokerAway() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher()
            publisher.isReady = false
            try await database.enqueue(3)
            let relay = try database.relay(publisher)
            try await running(relay) {
                try await eventually("the relay has looked many times whether it may claim") {
                    publisher.questions > 10
                }
                let sessions = try await database.value(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'relay-under-test'"
                        + " AND datname = current_database()",
                    as: Int.self
                )
                #expect(sessions == 0)
                #expect(publisher.published.isEmpty)
                publisher.isReady = true
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 3)
        }
    }

    @Test("a wake is quicker than the poll")
    func wake() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher()
            let relay = try database.relay(publisher) { $0.pollInterval = .seconds(600) }
            try await running(relay) {
                try await database.enqueue(1)
                relay.wake()
                try await eventually("the event is published") { publisher.published.count == 1 }
                try await database.enqueue(1)
                relay.wake()
                try await eventually("the second too") { publisher.published.count == 2 }
            }
        }
    }

    @Test("a failing destination delays no other, is asked with one event at a time, and flows again by itself")
    func destinationFault() async throws {
        try await withTestDatabase { database in
            let mended = ScriptedPublisher()  // its readiness says that the destination is mended
            mended.isReady = false
            let publisher = ScriptedPublisher { event in
                event.routingKey == "bad" && !mended.isReady ? .destinationFault("returned: 312 NO_ROUTE") : .delivered
            }
            // Far more than a batch, and all of it ahead of the others.
            try await database.enqueue(5000, key: "bad")
            try await database.enqueue(50, key: "good")
            try await running(try database.relay(publisher)) {
                try await eventually("the good ones are through") { try await database.pendingCount() == 5000 }
                let asked = publisher.published.count { $0.routingKey == "bad" }
                // A batch in each lane before the first answer, then one event at a time.
                #expect(asked < 2 * 256 + 50)
                try await eventually("it is asked again") {
                    publisher.published.count { $0.routingKey == "bad" } > asked + 5
                }
                let attempts = try await database.values(
                    "SELECT DISTINCT attempts FROM skillrelay.outbox_pending", as: Int.self
                )
                #expect(attempts == [0])
                mended.isReady = true
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            let dead = try await database.value("SELECT count(*) FROM skillrelay.outbox_dead", as: Int.self)
            #expect(dead == 0)
            #expect(Set(try await database.deliveredIDs()).count == 5050)
        }
    }

    @Test("a failing destination that could be asked again does not make the relay spin while the broker is away")
    func destinationFaultBrokerAway() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher(
                script: { _ in .destinationFault("returned: 312 NO_ROUTE") }, staysReady: false
            )
            try await database.enqueue(1)
            try await running(try database.relay(publisher)) {
                try await eventually("the destination has failed") { !publisher.published.isEmpty }
                try await eventually("it could be asked again") { publisher.questions > 10 }
                let asked = publisher.questions
                try await Task.sleep(for: .seconds(1))
                // Twice a turn, and a turn in 20 ms.
                #expect(publisher.questions - asked < 150)
            }
        }
    }

    @Test("a relay whose database is away does not say that it is back when the broker goes away, too")
    func bothAway() async throws {
        let log = InMemoryLogHandler()
        let publisher = ScriptedPublisher()
        var configuration = RelayConfiguration()
        configuration.pollInterval = .milliseconds(20)
        configuration.retryPolicy = RetryPolicy(base: .milliseconds(10), cap: .milliseconds(50))
        let relay = OutboxRelay(
            configuration: configuration,
            database: try PostgresConfiguration(connectionString: "postgresql://ada@127.0.0.1:1/none"),
            publisher: publisher,
            logger: Logger(label: "test") { _ in log }
        )
        try await running(relay) {
            try await eventually("it has failed") {
                log.entries.contains { $0.message == "Relay failed, trying again" }
            }
            publisher.isReady = false
            let asked = publisher.questions
            try await eventually("it has looked again") { publisher.questions > asked + 10 }
        }
        #expect(!log.entries.contains { $0.message == "Relay is back" })
    }

    @Test("pending rows whose event is gone are parked and hold up nothing")
    func orphans() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(600)
            try await database.script("DELETE FROM skillrelay.outbox")
            try await database.enqueue(10)
            let publisher = ScriptedPublisher()
            try await running(try database.relay(publisher)) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 10)
            let errors = try await database.values(
                "SELECT last_error || ' ' || count(*) FROM skillrelay.outbox_dead GROUP BY last_error", as: String.self
            )
            #expect(errors == ["its row in skillrelay.outbox is gone 600"])
        }
    }

    @Test("an event that was dead before and fails again is parked anew")
    func deadAgain() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(2)
            try await database.script(
                """
                INSERT INTO skillrelay.outbox_dead (id, attempts, last_error)
                SELECT id, 1, 'before' FROM skillrelay.outbox_pending WHERE seq = 1
                """
            )
            let publisher = ScriptedPublisher { event in
                String(decoding: event.payload, as: UTF8.self) == "1" ? .eventFault("again") : .delivered
            }
            try await running(try database.relay(publisher) { $0.maxAttempts = 1 }) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 2)
            #expect(try await database.value("SELECT last_error FROM skillrelay.outbox_dead") == "again")
        }
    }

    @Test("a poison event is parked with its error after a few tries, and delays no other")
    func poison() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher { event in
                String(decoding: event.payload, as: UTF8.self) == "7" ? .eventFault("too large") : .delivered
            }
            try await database.enqueue(20)
            try await running(try database.relay(publisher) { $0.maxAttempts = 3 }) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 19 + 3)
            let dead = try await database.values(
                """
                SELECT convert_from(payload, 'UTF8') || ' ' || attempts || ' ' || last_error
                FROM skillrelay.outbox_dead JOIN skillrelay.outbox USING (id)
                """,
                as: String.self
            )
            #expect(dead == ["7 3 too large"])
            #expect(try await database.deliveredIDs().count == 19)
        }
    }

    @Test("an event whose confirm was lost goes out again under its id, marked")
    func unknown() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher { event in event.maybeSent ? .delivered : .unknown("confirm timed out") }
            try await database.enqueue(5)
            try await running(try database.relay(publisher)) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 10)
            #expect(Set(publisher.published.map(\.id)).count == 5)
            #expect(
                publisher.published.map(\.maybeSent) == [
                    false, false, false, false, false, true, true, true, true, true,
                ])
        }
    }

    @Test("two relays share the work and publish nothing twice")
    func twoRelays() async throws {
        try await withTestDatabase { database in
            let publishers = [ScriptedPublisher(), ScriptedPublisher()]
            try await database.enqueue(5000)
            try await running(
                try database.relay(publishers[0]) { $0.batchSize = 20 },
                try database.relay(publishers[1]) { $0.batchSize = 20 }
            ) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            let ids = publishers.flatMap { $0.published.map(\.id) }
            #expect(ids.count == 5000)
            #expect(Set(ids).count == 5000)
            #expect(publishers.allSatisfy { !$0.published.isEmpty })
        }
    }

    @Test("an event that commits after later ones have gone out is not passed over")
    func lateCommit() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher()
            let late = try await PostgresConnection.connect(
                try PostgresConfiguration(connectionString: database.url), logger: .init(label: "test")
            )
            try await late.perform { session in
                try session.begin()
                try session.script("SELECT skillrelay.enqueue('e', 'late', '')")
            }
            try await database.enqueue(100)
            try await running(try database.relay(publisher)) {
                try await eventually("the others are through") { publisher.published.count == 100 }
                try await late.perform { session in try session.commit() }
                try await eventually("the late one too") { publisher.published.last?.routingKey == "late" }
            }
            await late.close()
            #expect(publisher.published.count == 101)
        }
    }

    @Test("an event that commits after later ones have gone out needs no poll, when its commit is announced")
    func lateCommitAnnounced() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher()
            let late = try await PostgresConnection.connect(
                try PostgresConfiguration(connectionString: database.url), logger: .init(label: "test")
            )
            let relay = try database.relay(publisher) { $0.pollInterval = .seconds(600) }
            try await running(relay) {
                for number in 1...20 {
                    try await late.perform { session in
                        try session.begin()
                        try session.script("SELECT skillrelay.enqueue('e', 'late', '')")
                    }
                    try await database.enqueue(1)
                    relay.wake()
                    try await eventually("the other is through") { publisher.published.count == 2 * number - 1 }
                    try await late.perform { session in try session.commit() }
                    relay.wake()
                    try await eventually("the late one too") { publisher.published.count == 2 * number }
                }
            }
            await late.close()
        }
    }

    @Test("batches of large events follow each other without a poll")
    func largeEvents() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher()
            try await database.enqueueCore(60, bytes: 100_000)
            try await running(try database.relay(publisher) { $0.pollInterval = .seconds(600) }) {
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 60)
        }
    }

    @Test("a rolled back event is never published")
    func rollback() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher()
            try await running(try database.relay(publisher)) {
                try await database.script("BEGIN; SELECT skillrelay.enqueue('e', 'ghost', ''); ROLLBACK")
                try await database.enqueue(1)
                try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.map(\.routingKey) == ["k"])
        }
    }

    @Test("a graceful shutdown settles the batch in flight and claims no other")
    func shutdown() async throws {
        try await withTestDatabase { database in
            let gate = Gate()
            let publisher = ScriptedPublisher(beforeAnswer: { await gate.wait() })
            try await database.enqueue(30)
            async let answer: Void = {
                // The broker answers only after the shutdown below has begun.
                try await eventually("a batch is in flight") { !publisher.published.isEmpty }
                try await Task.sleep(for: .milliseconds(200))
                gate.open()
            }()
            try await running(try database.relay(publisher) { $0.batchSize = 10 }) {
                try await eventually("a batch is in flight") { !publisher.published.isEmpty }
            }
            try await answer
            // Nothing is left between claimed and settled.
            let published = publisher.published.count
            #expect(published >= 10)
            #expect(try await database.deliveredIDs().count == published)
            #expect(try await database.pendingCount() == 30 - published)
        }
    }

    @Test("a batch is bounded in bytes; a larger event travels alone")
    func bytes() async throws {
        try await withTestDatabase { database in
            let sizes = [600, 300, 200, 9000, 10]
            for size in sizes {
                try await database.script(
                    "SELECT skillrelay.enqueue('e', 'k', convert_to(repeat('x', \(size)), 'UTF8'))")
            }
            let connection = try await PostgresConnection.connect(
                try PostgresConfiguration(connectionString: database.url), logger: .init(label: "test")
            )
            var batches: [[Int]] = []
            var range = ClaimRange(after: 0, through: 100)
            while true {
                let claim = try await Claim.take(.allBut([]), in: range, limit: 100, bytes: 2500, on: connection)
                let events = claim.events
                guard !events.isEmpty else { break }
                batches.append(events.map(\.payload.count))
                // There is more until the last.
                #expect(claim.reach.isFull == (batches.count < 4))
                range.after = claim.reach.through
                try await claim.settle(Settlement(delivered: events))
            }
            await connection.close()
            #expect(batches == [[600, 300], [200], [9000], [10]])
        }
    }
}
