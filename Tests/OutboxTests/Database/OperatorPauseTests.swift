import Postgres
import Support
import Testing

@testable import Outbox

@Suite("Paused by an operator, on a real database", .timeLimit(.minutes(1)))
struct OperatorPauseTests {
    private func pause(_ destination: Destination?, _ database: TestDatabase) async throws {
        try await database.connection.perform { session in
            try OperatorPause.pause(destination, .fixture(), in: session)
        }
    }

    private func resume(_ destination: Destination?, _ database: TestDatabase) async throws {
        try await database.connection.perform { session in
            try OperatorPause.resume(destination, .fixture(), in: session)
        }
    }

    @Test("one destination: others flow, and after that its events, all that came meanwhile")
    func destination() async throws {
        try await withTestDatabase { database in
            let held = Destination(exchange: "e", routingKey: "held")
            let publisher = ScriptedPublisher()
            let relay = try database.relay(publisher)
            try await self.pause(held, database)
            try await database.enqueue(300, key: "held")
            try await running(relay) {
                for _ in 0..<3 {
                    try await database.enqueue(300)
                    try await eventually("others flow") {
                        try await database.value(
                            "SELECT count(*) FROM skillrelay.outbox_pending WHERE routing_key = 'k'", as: Int.self) == 0
                    }
                    try await database.enqueue(300, key: "held")
                }
                #expect(!publisher.published.contains { $0.routingKey == "held" })
                try await self.resume(held, database)
                try await eventually("it flows") { try await database.pendingCount() == 0 }
            }
            #expect(publisher.published.count == 2100)
            #expect(try await database.actions().map(\.action) == ["resume", "pause"])
        }
    }

    @Test("everything: nothing is claimed, the database is not asked in a loop, and after that all flows")
    func everything() async throws {
        try await withTestDatabase { database in
            let publisher = ScriptedPublisher()
            let relay = try database.relay(publisher) { $0.pollInterval = .milliseconds(100) }
            try await running(relay) {
                try await database.enqueue(10)
                try await eventually("it flows") { try await database.pendingCount() == 0 }
                try await self.pause(nil, database)
                try await database.enqueue(600)
                let asked = publisher.questions
                let start = ContinuousClock.now
                try await eventually("some polls have gone by") { ContinuousClock.now - start > .seconds(1) }
                // A few questions a poll.
                #expect(publisher.questions - asked < 100)
                #expect(publisher.published.count == 10)
                try await self.resume(nil, database)
                try await eventually("it flows") { try await database.pendingCount() == 0 }
            }
        }
    }

    @Test("a destination that fails and is paused is not asked, and is asked again after that")
    func failing() async throws {
        try await withTestDatabase { database in
            let bad = Destination(exchange: "e", routingKey: "bad")
            let mended = ScriptedPublisher()  // its readiness says that the destination is mended
            mended.isReady = false
            let publisher = ScriptedPublisher { _ in
                mended.isReady ? .delivered : .destinationFault("returned: 312 NO_ROUTE")
            }
            let relay = try database.relay(publisher)
            try await database.enqueue(300, key: "bad")
            try await running(relay) {
                try await eventually("it fails") { !relay.failingDestinations.isEmpty }
                #expect(relay.failingDestinations.map(\.error) == ["returned: 312 NO_ROUTE"])
                try await self.pause(bad, database)
                let asked = try await eventually("it is left alone") {
                    let before = publisher.published.count
                    try await Task.sleep(for: .milliseconds(300))
                    return publisher.published.count == before ? before : nil
                }
                mended.isReady = true
                #expect(publisher.published.count == asked && !relay.failingDestinations.isEmpty)
                try await self.resume(bad, database)
                try await eventually("it flows") { try await database.pendingCount() == 0 }
            }
        }
    }

    @Test("a failing destination that is paused keeps no other failing one from being asked")
    func failingBeside() async throws {
        try await withTestDatabase { database in
            let mended = ScriptedPublisher()  // its readiness says that the second is mended
            mended.isReady = false
            let publisher = ScriptedPublisher { event in
                event.routingKey == "second" && mended.isReady
                    ? .delivered : .destinationFault("returned: 312 NO_ROUTE")
            }
            let relay = try database.relay(publisher)
            try await running(relay) {
                try await database.enqueue(1, key: "first")
                try await eventually("the first fails") { relay.failingDestinations.count == 1 }
                try await database.enqueue(1, key: "second")
                try await eventually("both fail") { relay.failingDestinations.count == 2 }
                try await self.pause(Destination(exchange: "e", routingKey: "first"), database)
                mended.isReady = true
                try await eventually("the second flows") { try await database.deliveredIDs().count == 1 }
            }
        }
    }

    @Test("what is paused cannot be paused again, nor what is not be resumed; both say so and change nothing")
    func twice() async throws {
        try await withTestDatabase { database in
            let destination = Destination(exchange: "", routingKey: "q")
            for target in [nil, destination] {
                await #expect(throws: OperationError.self) { try await self.resume(target, database) }
                try await self.pause(target, database)
                await #expect(throws: OperationError.self) { try await self.pause(target, database) }
            }
            let pauses = try await database.connection.perform { session in try OperatorPause.list(in: session) }
            #expect(pauses.map(\.exchange) == [nil, ""] && pauses.allSatisfy { $0.pausedBy == "ann" })
            #expect(try await database.value("SELECT is_paused FROM skillrelay.relay_status", as: Bool.self))
            #expect(try await database.actions().count == 2)
        }
    }
}
