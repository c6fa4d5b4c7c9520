import Foundation
import Logging
import RabbitMQ
import Support
import Testing

@testable import Outbox

@Suite("Whose fault an outage is, with a relay on real servers", .timeLimit(.minutes(3)))
struct OutageClassTests {
    /// What can befall one destination.
    enum Fault: CaseIterable, CustomTestStringConvertible {
        case exchangeMissing, nothingBound, queueFull, accessRefused

        var testDescription: String {
            switch self {
            case .exchangeMissing: "its exchange is missing (404)"
            case .nothingBound: "no queue is bound (312)"
            case .queueFull: "its queue is full (nack)"
            case .accessRefused: "access is refused (403)"
            }
        }

        func strike(_ vhost: TestVhost, _ broker: RabbitMQConnection) async throws {
            switch self {
            case .exchangeMissing: try await broker.deleteExchange("other")
            case .nothingBound: try await broker.deleteQueue("other")
            case .queueFull:
                try await broker.deleteQueue("other")
                try await broker.declareQueue(
                    "other", arguments: ["x-max-length": .int(0), "x-overflow": .string("reject-publish")]
                )
                try await broker.bindQueue("other", exchange: "other", routingKey: "k")
            case .accessRefused:
                // A channel that has published to the exchange would remember that it may.
                try await broker.deleteExchange("other")
                try await vhost.manage(
                    "PUT", "permissions/\(vhost.name)/\(try TestURL(vhost.url).user)",
                    #"{"configure":".*","write":"learning.*","read":".*"}"#
                )
                try await broker.declareExchange("other")
            }
        }

        func heal(_ vhost: TestVhost, _ broker: RabbitMQConnection) async throws {
            try await vhost.allow(TestURL(vhost.url).user)
            try await broker.deleteQueue("other")
            try await Self.declare(broker)
        }

        static func declare(_ broker: RabbitMQConnection) async throws {
            try await broker.declareExchange("other")
            try await broker.declareQueue("other")
            try await broker.bindQueue("other", exchange: "other", routingKey: "k")
        }
    }

    @Test(
        "a destination that fails holds up no other, counts no attempt, and flows within 5 s of its return",
        arguments: Fault.allCases
    )
    func destination(fault: Fault) async throws {
        try await withTestServers { database, vhost in
            try await withInbox(in: vhost) { inbox in
                try await vhost.withConnection { broker in
                    try await Fault.declare(broker)
                    if fault == .accessRefused { try await fault.strike(vhost, broker) }
                    let publisher = RabbitMQEventPublisher(
                        configuration: try RabbitMQConfiguration(urls: vhost.url),
                        exchanges: [RabbitMQConnection.coreExchange], logger: Logger(label: "test")
                    )
                    let relay = try database.relay(publisher) { $0.retryPolicy = RetryPolicy() }
                    try await running(publisher, relay) {
                        if fault != .accessRefused {
                            try await database.enqueue(1, exchange: "other", key: "k")
                            try await eventually("it works") { try await database.pendingCount() == 0 }
                            try await fault.strike(vhost, broker)
                        }
                        // In one batch with the others.
                        try await database.script(
                            """
                            SELECT skillrelay.enqueue(
                                CASE n % 2 WHEN 0 THEN 'other' ELSE 'learning.skill' END,
                                CASE n % 2 WHEN 0 THEN 'k' ELSE 'learning.skill.distill' END, '{}')
                            FROM generate_series(1, 100) AS n
                            """
                        )
                        try await eventually("the others are through", within: .seconds(5)) {
                            try await database.pendingCount() == 50
                        }
                        try await Task.sleep(for: .seconds(2))
                        try await database.enqueueCore(50)
                        try await eventually("later ones too", within: .seconds(3)) {
                            try await database.pendingCount() == 50
                        }
                        let attempts = try await database.values(
                            "SELECT DISTINCT attempts FROM skillrelay.outbox_pending", as: Int.self
                        )
                        #expect(attempts == [0])

                        try await fault.heal(vhost, broker)
                        try await eventually("it flows again", within: .seconds(6)) {
                            try await database.pendingCount() == 0
                        }
                    }
                    #expect(try await broker.queueMessageCount("other") >= 50)
                }
                #expect(Set(try await inbox.settled().map(\.messageID)).count == 100)
                let dead = try await database.value("SELECT count(*) FROM skillrelay.outbox_dead", as: Int.self)
                #expect(dead == 0)
            }
        }
    }

    @Test("a message that closes the channel is found, tried a few times and parked; the others arrive at once")
    func poison() async throws {
        try await withTestDatabase { database in
            try await withScriptedBroker({ publish in
                publish.body == Array("7".utf8) ? [.closeChannel(406, "PRECONDITION_FAILED")] : [.ack(publish.tag)]
            }) { broker in
                try await database.enqueue(100, exchange: "")
                let publisher = try Self.publisher(broker)
                try await running(publisher, try database.relay(publisher) { $0.maxAttempts = 3 }) {
                    try await eventually("the others are through", within: .seconds(3)) {
                        try await database.pendingCount() <= 1
                    }
                    try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
                }
                let dead = try await database.values(
                    """
                    SELECT convert_from(payload, 'UTF8') || ' ' || attempts
                    FROM skillrelay.outbox_dead JOIN skillrelay.outbox USING (id)
                    """,
                    as: String.self
                )
                #expect(dead == ["7 3"])
                #expect(Set(try await database.deliveredIDs()).count == 99)
                // Once in the window, then alone; what came after it in the window is sent a second time.
                #expect(broker.published.count { $0.body == Array("7".utf8) } == 4)
                #expect(broker.connectionCount == 1)
            }
        }
    }

    @Test("a destination whose confirms never come is found and left alone, counts no attempt, and others flow")
    func mute() async throws {
        try await withTestDatabase { database in
            try await withScriptedBroker({ $0.routingKey == "mute" ? [] : [.ack($0.tag)] }) { broker in
                // Ahead of the others, and between them.
                try await database.enqueue(20, exchange: "", key: "mute")
                try await database.enqueue(20, exchange: "", key: "good")
                try await database.enqueue(20, exchange: "", key: "mute")
                let publisher = try Self.publisher(broker) { $0.publishTimeout = .milliseconds(300) }
                let good = { try await database.value(Self.pendingGood, as: Int.self) }
                try await running(publisher, try database.relay(publisher) { $0.retryPolicy = RetryPolicy() }) {
                    try await eventually("the others are through") { try await good() == 0 }
                    try await database.enqueue(500, exchange: "", key: "good")
                    try await eventually("later ones, too") { try await good() == 0 }
                }
                #expect(Set(broker.published.filter { $0.routingKey == "good" }.map(\.messageID)).count == 520)
                // Those that came after a mute one in its window, at most.
                #expect(broker.published.count { $0.routingKey == "good" } <= 540)
                let rest = try await database.values(
                    "SELECT DISTINCT attempts FROM skillrelay.outbox_pending", as: Int.self)
                #expect(rest == [0])
                #expect(try await database.pendingCount() == 40)
                let marked = "SELECT bool_or(maybe_sent) FROM skillrelay.outbox_pending"
                #expect(try await database.value(marked, as: Bool.self))
            }
        }
    }

    private static let pendingGood = "SELECT count(*) FROM skillrelay.outbox_pending WHERE routing_key = 'good'"

    @Test("a queue that stays full is asked with one event now and then, not in a loop")
    func noHotLoop() async throws {
        try await withTestDatabase { database in
            try await withScriptedBroker({ [.nack($0.tag)] }) { broker in
                try await database.enqueue(100, exchange: "")
                let publisher = try Self.publisher(broker)
                try await running(publisher, try database.relay(publisher) { $0.retryPolicy = RetryPolicy() }) {
                    try await eventually("it is asked again") { broker.published.count > 3 }
                    let first = broker.published.count
                    try await Task.sleep(for: .seconds(3))
                    #expect(broker.published.count - first < 30)
                }
                let dead = try await database.value("SELECT count(*) FROM skillrelay.outbox_dead", as: Int.self)
                #expect(dead == 0)
                #expect(try await database.pendingCount() == 100)
            }
        }
    }

    @Test("a broker that refuses slowly, one destination after the other, holds a batch no longer than its bound")
    func slowRefusals() async throws {
        try await withScriptedBroker({ publish in
            Thread.sleep(forTimeInterval: 0.2)
            return [.closeChannel(403, "ACCESS_REFUSED")]
        }) { broker in
            var configuration = try RabbitMQConfiguration(urls: broker.url)
            configuration.publishTimeout = .milliseconds(500)
            configuration.operationTimeout = .seconds(1)
            let publisher = RabbitMQEventPublisher(
                configuration: configuration, exchanges: [], logger: Logger(label: "test")
            )
            try await running(publisher) {
                try await eventually("the publisher is ready") { publisher.isReady }
                let events = (1...20).map { ClaimedEvent.fixture(exchange: "", routingKey: "\($0)") }
                let started = ContinuousClock.now
                let outcomes = await publisher.publish(events)
                #expect(ContinuousClock.now - started < RabbitMQEventPublisher.longestPublish(configuration))
                guard case .destinationFault = outcomes[0], case .unsent = outcomes[19] else {
                    Issue.record("\(outcomes)")
                    return
                }
            }
        }
    }

    private static func publisher(
        _ broker: ScriptedBroker, _ change: (inout RabbitMQConfiguration) -> Void = { _ in }
    ) throws -> RabbitMQEventPublisher {
        var configuration = try RabbitMQConfiguration(urls: broker.url)
        change(&configuration)
        return RabbitMQEventPublisher(
            configuration: configuration, exchanges: [],
            retryPolicy: RetryPolicy(base: .milliseconds(10), cap: .milliseconds(500)), logger: Logger(label: "test")
        )
    }
}
