import Foundation
import Logging
import RabbitMQ
import Support
import Testing

@testable import Outbox

@Suite("Publishing to a real broker", .timeLimit(.minutes(2)))
struct RabbitMQEventPublisherTests {
    private static let core = "learning.skill.distill"

    /// Runs a publisher on the virtual host until `body` returns.
    private func withPublisher(
        _ vhost: TestVhost,
        _ change: (inout RabbitMQConfiguration) -> Void = { _ in },
        body: (RabbitMQEventPublisher) async throws -> Void
    ) async throws {
        var configuration = try RabbitMQConfiguration(urls: vhost.url)
        change(&configuration)
        let publisher = RabbitMQEventPublisher(
            configuration: configuration, exchanges: ["learning.skill"],
            retryPolicy: RetryPolicy(base: .milliseconds(10), cap: .milliseconds(100)), logger: Logger(label: "test")
        )
        try await running(publisher) {
            try await eventually("the publisher is ready") { publisher.isReady }
            try await body(publisher)
        }
    }

    @Test("its exchange is declared if absent, and an event that nobody listens to waits")
    func declares() async throws {
        try await withTestVhost { vhost in
            try await self.withPublisher(vhost) { publisher in
                let nobody = await publisher.publish([.fixture(routingKey: Self.core)])
                #expect(nobody == [.destinationFault("returned: 312 NO_ROUTE")])
                try await vhost.declareCore()
                let outcomes = await publisher.publish([.fixture(routingKey: Self.core)])
                #expect(outcomes == [.delivered])
            }
        }
    }

    @Test("a message arrives with the event's bytes, its id and the pinned properties, persistent")
    func properties() async throws {
        try await withTestVhost { vhost in
            try await vhost.declareCore()
            let event = ClaimedEvent.fixture(
                routingKey: Self.core, headers: #"{"traceparent": "00-a-b-01"}"#)
            try await self.withPublisher(vhost) { publisher in _ = await publisher.publish([event]) }
            let message = try #require(try await vhost.peek("learning.skill.distill.entry").first)
            #expect(message.payload == "{}")
            #expect(message.routing_key == Self.core)
            #expect(message.properties.message_id == event.id.uuidString.lowercased())
            #expect(message.properties.type == "SkillLearnTask")
            #expect(message.properties.content_type == "application/json")
            #expect(message.properties.app_id == "skillrelay")
            #expect(message.properties.delivery_mode == 2)
            #expect(message.properties.timestamp == 1_771_832_565)
            #expect(message.properties.headers == ["traceparent": "00-a-b-01"])
        }
    }

    @Test("in one batch each event has its own outcome: routed, returned, and an exchange that is missing")
    func mixed() async throws {
        try await withTestVhost { vhost in
            try await withInbox(in: vhost) { inbox in
                try await self.withPublisher(vhost) { publisher in
                    let batch = (0..<300).map { n in
                        switch n % 3 {
                        case 0: ClaimedEvent.fixture(routingKey: Self.core)
                        case 1: ClaimedEvent.fixture(routingKey: "nobody.listens")
                        default: ClaimedEvent.fixture(exchange: "missing")
                        }
                    }
                    let outcomes = await publisher.publish(batch)
                    for (event, outcome) in zip(batch, outcomes) {
                        switch (event.exchange, event.routingKey, outcome) {
                        case ("learning.skill", Self.core, .delivered): break
                        case ("learning.skill", "nobody.listens", .destinationFault("returned: 312 NO_ROUTE", _)): break
                        case ("missing", _, .destinationFault): break
                        default: Issue.record("\(event.exchange) \(event.routingKey): \(outcome)")
                        }
                    }
                    try await inbox.waitFor(100)
                    #expect(Set(inbox.messages.map(\.messageID)).count == 100)
                    #expect(inbox.messages.count == 100)
                }
            }
        }
    }

    @Test(
        "an exchange that is deleted under a batch costs the other destinations nothing, and works again when it is back"
    )
    func exchangeDeleted() async throws {
        try await withTestVhost { vhost in
            try await withInbox(in: vhost) { inbox in
                try await self.withPublisher(vhost) { publisher in
                    try await vhost.withConnection { connection in
                        try await connection.declareExchange("other", type: "fanout")
                        try await connection.declareQueue("other")
                        try await connection.bindQueue("other", exchange: "other", routingKey: "")
                        let other = ClaimedEvent.fixture(exchange: "other", routingKey: "")
                        #expect(await publisher.publish([other]) == [.delivered])

                        try await connection.deleteExchange("other")
                        var batch = (0..<20).map { _ in ClaimedEvent.fixture(routingKey: Self.core) }
                        batch.insert(other, at: 10)
                        let outcomes = await publisher.publish(batch)
                        #expect(outcomes.count { $0 == .delivered } == 20)
                        guard case .destinationFault = outcomes[10] else {
                            Issue.record("\(outcomes[10])")
                            return
                        }
                        try await inbox.waitFor(20)
                        #expect(Set(inbox.messages.map(\.messageID)).count == 20)

                        try await connection.declareExchange("other", type: "fanout")
                        try await connection.bindQueue("other", exchange: "other", routingKey: "")
                        #expect(await publisher.publish([other]) == [.delivered])
                    }
                }
            }
        }
    }

    @Test("a queue that refuses is the destination's fault")
    func queueFull() async throws {
        try await withTestVhost { vhost in
            try await self.withPublisher(vhost) { publisher in
                try await vhost.withConnection { connection in
                    try await connection.declareQueue(
                        "small", arguments: ["x-max-length": .int(1), "x-overflow": .string("reject-publish")]
                    )
                    try await connection.bindQueue("small", exchange: "learning.skill", routingKey: "small")
                }
                let outcomes = await publisher.publish((0..<10).map { _ in .fixture(routingKey: "small") })
                #expect(outcomes.contains(.delivered))
                #expect(outcomes.last == .destinationFault("refused by the queue (basic.nack)", maybeSent: true))
            }
        }
    }

    @Test("what the client itself refuses is the event's fault, and the others go through")
    func rejected() async throws {
        try await withTestVhost { vhost in
            try await vhost.declareCore()
            try await self.withPublisher(vhost) { publisher in
                let tooMany = #"{"\#(String(repeating: "k", count: 300))": "v"}"#
                let outcomes = await publisher.publish([
                    .fixture(routingKey: Self.core), .fixture(routingKey: Self.core, headers: tooMany),
                    .fixture(routingKey: Self.core),
                ])
                #expect(outcomes[0] == .delivered)
                guard case .eventFault = outcomes[1] else {
                    Issue.record("\(outcomes[1])")
                    return
                }
                #expect(outcomes[2] == .delivered)
            }
        }
    }

    @Test("without a broker nothing is ready and nothing is sent; it connects by itself when one is there")
    func brokerComesLater() async throws {
        try await withTestVhost { vhost in
            try await vhost.declareCore()
            let url = try TestURL(vhost.url)
            try await withFaultProxy(to: url.port) { proxy in
                let publisher = RabbitMQEventPublisher(
                    configuration: try RabbitMQConfiguration(urls: url.port(proxy.port)), exchanges: [],
                    retryPolicy: RetryPolicy(base: .milliseconds(10), cap: .milliseconds(50)),
                    logger: Logger(label: "test")
                )
                try await running(publisher) {
                    let event = ClaimedEvent.fixture(routingKey: Self.core)
                    #expect(!publisher.isReady)
                    #expect(await publisher.publish([event]) == [.unsent("not connected to RabbitMQ")])
                    proxy.open()
                    try await eventually("the publisher is ready") { publisher.isReady }
                    #expect(await publisher.publish([event]) == [.delivered])
                }
            }
        }
    }
}
