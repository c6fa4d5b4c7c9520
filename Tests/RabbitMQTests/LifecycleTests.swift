import Support
import Testing

@testable import RabbitMQ

@Suite("The life of a connection", .timeLimit(.minutes(1)))
struct LifecycleTests {
    /// Lends a connection that runs through a proxy.
    private func withProxy(
        _ change: (inout RabbitMQConfiguration) -> Void = { _ in },
        _ body: (RabbitMQConnection, FaultProxy) async throws -> Void
    ) async throws {
        let broker = try Broker.configuration().endpoints[0]
        try await withFaultProxy(to: Int(broker.port)) { proxy in
            proxy.open()
            let url = "amqp://\(broker.username):\(broker.password.value)@127.0.0.1:\(proxy.port)"
            try await Broker.withConnection(url: url, change) { connection, _ in try await body(connection, proxy) }
        }
    }

    @Test("an idle connection keeps up its heartbeats")
    func idle() async throws {
        try await Broker.withConnection({ $0.heartbeat = .seconds(1) }) { connection, _ in
            // The broker gives up after three heartbeats; nothing but time can show that it does not.
            try await Task.sleep(for: .milliseconds(4500))
            #expect(connection.isOpen)
            let queue = try await Broker.declareQueue(connection)
            #expect(await connection.publish([.to(queue)]) == [.routed])
        }
    }

    @Test("a connection that the broker closes ends with its reply code")
    func closedByBroker() async throws {
        try await Broker.withConnection { connection, name in
            async let end = connection.waitUntilClosed()
            try await Broker.close(connection: name)
            let error = await end
            #expect(error.code == .connectionLost)
            #expect(error.replyCode == .connectionForced)
            #expect(error.brokerText?.contains("closed by a test") == true)
            #expect(await connection.publish([.to("q")]).map { $0.unsentError?.replyCode } == [.connectionForced])
            let declaring = await #expect(throws: RabbitMQError.self) { try await connection.deleteQueue("q") }
            #expect(declaring?.replyCode == .connectionForced)
        }
    }

    @Test("a lost connection leaves what was sent unknown and the rest unsent")
    func cut() async throws {
        try await self.withProxy({ $0.windowMessages = 4 }) { connection, proxy in
            let queue = try await Broker.declareQueue(connection)
            #expect(await connection.publish([.to(queue)]) == [.routed])
            proxy.hold()
            async let publishing = connection.publish((0..<6).map { _ in .to(queue) })
            async let later = connection.publish([.to(queue)])
            proxy.cut()
            let outcomes = await publishing
            #expect(outcomes.allSatisfy { ($0.unknownError ?? $0.unsentError)?.code == .connectionLost })
            #expect(await later.allSatisfy { ($0.unknownError ?? $0.unsentError)?.code == .connectionLost })
            #expect(await connection.waitUntilClosed().code == .connectionLost)
        }
    }

    @Test("a confirm that does not come makes the outcome unknown in time and ends the connection")
    func noConfirm() async throws {
        try await self.withProxy({
            $0.publishTimeout = .milliseconds(500)
            $0.windowMessages = 2
        }) { connection, proxy in
            let queue = try await Broker.declareQueue(connection)
            #expect(await connection.publish([.to(queue)]) == [.routed])
            proxy.hold()
            let started = ContinuousClock.now
            let outcomes = await connection.publish([.to(queue), .to(queue), .to(queue)])
            #expect(outcomes.map { $0.unknownError?.code } == [.timeout, .timeout, nil])
            #expect(outcomes.last?.unsentError?.code == .timeout)
            #expect(await connection.waitUntilClosed().code == .timeout)
            #expect(ContinuousClock.now - started < .seconds(5))
        }
    }

    @Test("a peer that is gone without a word is noticed by the heartbeat")
    func silentPeer() async throws {
        try await self.withProxy({ $0.heartbeat = .seconds(1) }) { connection, proxy in
            proxy.hold()
            let error = await connection.waitUntilClosed()
            #expect(error.code == .connectionLost)
            #expect(error.description.contains("heartbeat"))
        }
    }

    @Test("an answer that does not come ends the connection in time")
    func noAnswer() async throws {
        try await self.withProxy({ $0.operationTimeout = .milliseconds(500) }) { connection, proxy in
            proxy.hold()
            let error = await #expect(throws: RabbitMQError.self) { try await connection.deleteQueue("q") }
            #expect(error?.code == .timeout)
            #expect(await connection.waitUntilClosed().code == .timeout)
        }
    }

    @Test("a send that the peer does not take is ended", arguments: [Duration.seconds(1), .seconds(60)])
    func stuckSend(publishTimeout: Duration) async throws {
        try await self.withProxy({
            $0.operationTimeout = .seconds(1)
            $0.publishTimeout = publishTimeout
        }) { connection, proxy in
            let queue = try await Broker.declareQueue(connection)
            #expect(await connection.publish([.to(queue)]) == [.routed])
            proxy.hold()
            var large = RabbitMQMessage.to(queue)
            large.body = [UInt8](repeating: 0, count: 32_000_000)  // more than the kernels' buffers hold
            let started = ContinuousClock.now
            #expect(await connection.publish([large]).map { $0.unknownError?.code } == [.connectionLost])
            #expect(ContinuousClock.now - started < .seconds(10))
            #expect(!connection.isOpen)
        }
    }

    @Test("a cancelled publish returns promptly, and the connection goes on")
    func cancelledPublish() async throws {
        try await self.withProxy({ $0.windowMessages = 1 }) { connection, proxy in
            let queue = try await Broker.declareQueue(connection)
            #expect(await connection.publish([.to(queue)]) == [.routed])
            proxy.hold()
            let publishing = Task { await connection.publish([.to(queue), .to(queue)]) }
            try await Task.sleep(for: .milliseconds(100))  // either order of sending and cancelling is fine
            publishing.cancel()
            let started = ContinuousClock.now
            let outcomes = await publishing.value
            #expect(ContinuousClock.now - started < .seconds(1))
            #expect(outcomes.map { ($0.unknownError ?? $0.unsentError)?.code } == [.cancelled, .cancelled])
            proxy.heal()
            #expect(await connection.publish([.to(queue)]) == [.routed])
        }
    }

    @Test("closing while nothing answers is bounded")
    func closeUnanswered() async throws {
        try await self.withProxy({ $0.operationTimeout = .milliseconds(500) }) { connection, proxy in
            proxy.hold()
            let started = ContinuousClock.now
            await connection.close()
            #expect(ContinuousClock.now - started < .seconds(4))
            #expect(await connection.waitUntilClosed().code == .closed)
        }
    }

    @Test("waiting for the end stops when the task is cancelled")
    func cancelledWait() async throws {
        try await Broker.withConnection { connection, _ in
            let waiting = Task { await connection.waitUntilClosed().code }
            waiting.cancel()
            #expect(await waiting.value == .cancelled)
            #expect(connection.isOpen)
        }
    }

    @Test("under an alarm nothing is sent, the connection is kept, and late confirms are taken when it is over")
    func alarm() async throws {
        try await Broker.withConnection({ $0.publishTimeout = .seconds(1) }) { connection, name in
            let queue = try await Broker.declareQueue(connection)
            #expect(await connection.publish([.to(queue)]) == [.routed])
            try await Broker.setAlarm(true, connection: name)
            // The broker says so when it next reads a publish, which it then leaves unconfirmed.
            let overtaken = RabbitMQMessage.to(queue)
            #expect(await connection.publish([overtaken]).map { $0.unknownError?.code } == [.blocked])
            #expect(connection.hasLateConfirms)
            #expect(connection.takeLateConfirms().isEmpty)
            #expect(connection.blockedReason == "low on memory")
            #expect(connection.isOpen)

            #expect(await connection.publish([.to(queue)]).map { $0.unsentError?.code } == [.blocked])
            let declaring = await #expect(throws: RabbitMQError.self) { try await connection.deleteQueue(queue) }
            #expect(declaring?.code == .blocked)

            try await Broker.setAlarm(false, connection: name)
            try await eventually("the alarm is over") { connection.blockedReason == nil }
            let late = try await eventually("the late confirm") {
                let late = connection.takeLateConfirms()
                return late.isEmpty ? nil : late
            }
            #expect(late == [overtaken.messageID])
            #expect(!connection.hasLateConfirms)
            #expect(await connection.publish([.to(queue)]) == [.routed])
            // The one sent into the alarm was stored late.
            #expect(try await connection.queueMessageCount(queue) == 3)
        }
    }

    @Test("a blocked connection closes without waiting for the broker")
    func closeWhileBlocked() async throws {
        try await Broker.withConnection({ $0.publishTimeout = .milliseconds(300) }) { connection, name in
            let queue = try await Broker.declareQueue(connection)
            #expect(await connection.publish([.to(queue)]) == [.routed])
            try await Broker.setAlarm(true, connection: name)
            _ = await connection.publish([.to(queue)])
            #expect(connection.blockedReason != nil)
            let started = ContinuousClock.now
            await connection.close()
            #expect(ContinuousClock.now - started < .seconds(2))
        }
    }
}
