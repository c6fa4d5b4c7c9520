import Foundation
import Logging
import RabbitMQ
import Support
import Testing

@testable import Outbox

@Suite("Brokers that block, with a relay on a real database", .timeLimit(.minutes(3)))
struct AlarmTests {
    private static func publisher(
        _ url: String,
        publishTimeout: Duration = .seconds(5)
    ) throws -> RabbitMQEventPublisher {
        var configuration = try RabbitMQConfiguration(urls: url)
        configuration.publishTimeout = publishTimeout
        return RabbitMQEventPublisher(
            configuration: configuration, exchanges: [RabbitMQConnection.coreExchange],
            retryPolicy: RetryPolicy(base: .milliseconds(10), cap: .milliseconds(500)), logger: Logger(label: "test")
        )
    }

    private static func openTransactions(_ database: TestDatabase) async throws -> Int {
        try await database.value(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'
            """
        )
    }

    private static func markedCount(_ database: TestDatabase) async throws -> Int {
        try await database.value("SELECT count(*) FROM skillrelay.outbox_pending WHERE maybe_sent")
    }

    @Test("an alarm over a batch in flight costs no duplicate: what was sent is completed by its late confirms")
    func windowInFlight() async throws {
        try await withTestDatabase { database in
            try await withScriptedBroker({ publish in
                // The canary is confirmed; of what follows one is, and then there is an alarm.
                switch publish.tag {
                case 1: [.ack(1)]
                case 21: [.ack(7), .blocked("low on memory")]
                case 22...: [.ack(publish.tag)]
                default: []
                }
            }) { broker in
                try await database.enqueue(21)
                let publisher = try Self.publisher(broker.url, publishTimeout: .seconds(1))
                try await running(publisher, try database.relay(publisher)) {
                    try await eventually("the batch is given back") { try await Self.markedCount(database) == 19 }
                    #expect(try await database.pendingCount() == 19)
                    try await database.enqueue(4)
                    // Longer than a confirm may take without an alarm.
                    try await Task.sleep(for: .milliseconds(1500))
                    #expect(!publisher.isReady)
                    #expect(try await Self.openTransactions(database) == 0)
                    #expect(broker.published.count == 21)

                    broker.say(.unblocked)
                    try await Task.sleep(for: .milliseconds(300))
                    #expect(broker.published.count == 21)
                    broker.say(.ack(21, multiple: true))
                    try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
                }
                #expect(broker.published.count == 25)
                #expect(Set(broker.published.map(\.messageID)).count == 25)
                #expect(broker.connectionCount == 1)
                #expect(Set(try await database.deliveredIDs()).count == 25)
            }
        }
    }

    @Test("a connection that is made during an alarm puts one message at risk, and not a batch")
    func canary() async throws {
        try await withTestDatabase { database in
            try await withScriptedBroker({ publish in
                publish.connection <= 3
                    ? [.blocked("low on memory"), .cut(.unblocked, afterBytes: 0)] : [.ack(publish.tag)]
            }) { broker in
                try await database.enqueue(50)
                let publisher = try Self.publisher(broker.url)
                try await running(publisher, try database.relay(publisher)) {
                    try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
                }
                #expect(broker.published.count { $0.connection <= 3 } == 3)
                #expect(broker.published.count == 53)
            }
        }
    }

    @Test("a broker that confirms nothing gets one message a connection, and connections at a steady, slow beat")
    func confirmsLost() async throws {
        try await withTestDatabase { database in
            try await withScriptedBroker({ _ in [] }) { broker in
                try await database.enqueue(50)
                let publisher = try Self.publisher(broker.url, publishTimeout: .milliseconds(100))
                try await running(publisher, try database.relay(publisher)) {
                    // At most six while the delay grows to half a second, then one in 600 ms.
                    try await Task.sleep(for: .seconds(3))
                }
                #expect((3...12).contains(broker.connectionCount))
                #expect(broker.published.count <= broker.connectionCount)
                #expect(try await database.pendingCount() == 50)
                let attempts = try await database.value(
                    "SELECT max(attempts) FROM skillrelay.outbox_pending", as: Int.self)
                #expect(attempts == 0)
                #expect(try await Self.markedCount(database) <= broker.connectionCount)
            }
        }
    }

    @Test("a stop during an alarm waits for nothing")
    func stop() async throws {
        try await withTestDatabase { database in
            try await withScriptedBroker({ _ in [.blocked("low on memory")] }) { broker in
                try await database.enqueue(3)
                let publisher = try Self.publisher(broker.url)
                let stopping = try await running(publisher, try database.relay(publisher)) {
                    try await eventually("the canary is given back") { try await Self.markedCount(database) == 1 }
                    return ContinuousClock.now
                }
                #expect(ContinuousClock.now - stopping < .seconds(2))
                #expect(try await Self.openTransactions(database) == 0)
                #expect(try await database.pendingCount() == 3)
            }
        }
    }

    @Test(
        "a real broker short of memory: nothing is claimed, no transaction is open; afterwards each event arrives once")
    func realAlarm() async throws {
        try await withTestServers { database, vhost in
            try await withInbox(in: vhost) { inbox in
                let publisher = try Self.publisher(vhost.url)
                try await running(publisher, try database.relay(publisher)) {
                    try await database.enqueueCore(10)
                    try await inbox.waitFor(10)
                    try await withMemoryAlarm {
                        // The broker says so when it next reads a publish.
                        try await database.enqueueCore(100)
                        try await eventually("the publisher is blocked") { !publisher.isReady }
                        try await eventually("the batch is given back") {
                            try await Self.openTransactions(database) == 0
                        }
                        try await database.enqueueCore(100)
                        try await Task.sleep(for: .seconds(1))
                        #expect(try await Self.openTransactions(database) == 0)
                        #expect(try await database.pendingCount() >= 200)
                    }
                    try await eventually("nothing is pending") { try await database.pendingCount() == 0 }
                }
                let messages = try await inbox.settled()
                #expect(messages.count == 210)
                #expect(Set(messages.map(\.messageID)).count == 210)
            }
        }
    }

    @Test("a send that nobody reads is cut off in bounded time, and everything arrives on the next connection")
    func sendBlocks() async throws {
        try await withTestServers { database, vhost in
            let url = try TestURL(vhost.url)
            try await withInbox(in: vhost) { inbox in
                try await withFaultProxy(to: url.port) { proxy in
                    proxy.open()
                    var configuration = try RabbitMQConfiguration(urls: url.port(proxy.port))
                    configuration.publishTimeout = .seconds(2)
                    configuration.operationTimeout = .seconds(1)
                    let publisher = RabbitMQEventPublisher(
                        configuration: configuration, exchanges: [RabbitMQConnection.coreExchange],
                        retryPolicy: RetryPolicy(base: .milliseconds(10), cap: .milliseconds(500)),
                        logger: Logger(label: "test")
                    )
                    try await running(publisher, try database.relay(publisher)) {
                        try await database.enqueueCore(1)
                        try await inbox.waitFor(1)
                        proxy.set(.hold, .toServer)
                        try await database.enqueueCore(20, bytes: 1_000_000)
                        try await eventually("the connection is given up", within: .seconds(8)) { !publisher.isReady }
                        proxy.heal()
                        try await eventually("nothing is pending", within: .seconds(60)) {
                            try await database.pendingCount() == 0
                        }
                    }
                }
                try await eventually("all have arrived") { Set(inbox.messages.map(\.messageID)).count == 21 }
            }
        }
    }
}

/// Makes the broker believe that it has no memory left, for as long as `body` runs. Tests run one at a time.
private func withMemoryAlarm(_ body: () async throws -> Void) async throws {
    try await rabbitmqctl("set_vm_memory_high_watermark", "0.0001")
    do { try await body() } catch {
        try await rabbitmqctl("set_vm_memory_high_watermark", "0.4")
        throw error
    }
    try await rabbitmqctl("set_vm_memory_high_watermark", "0.4")
}

private func rabbitmqctl(_ arguments: String...) async throws {
    guard let control = ProcessInfo.processInfo.environment["RABBITMQCTL"] else {
        throw TestError("RABBITMQCTL is not set: run scripts/test, or source <(scripts/services env) first")
    }
    try await Command.run(control, arguments)
}
