import Support
import Testing

@testable import RabbitMQ

@Suite("Publishing to a broker that answers by a script", .timeLimit(.minutes(1)))
struct ScriptedBrokerTests {
    private static func messages(_ count: Int) -> [RabbitMQMessage] {
        (1...count).map { .to("q", id: "message \($0)") }
    }

    /// Publishes `count` messages in one call.
    private static func publish(
        _ count: Int,
        script: @escaping ScriptedBroker.Script,
        then body: (RabbitMQConnection, ScriptedBroker, [PublishOutcome]) async throws -> Void = { _, _, _ in }
    ) async throws -> [PublishOutcome] {
        try await withScriptedBroker(script) { broker in
            try await Broker.withConnection(url: broker.url, { $0.publishTimeout = .milliseconds(500) }) {
                connection, _ in
                let outcomes = await connection.publish(Self.messages(count))
                try await body(connection, broker, outcomes)
                return outcomes
            }
        }
    }

    @Test("confirms that come out of order and for many settle each message once")
    func outOfOrder() async throws {
        let outcomes = try await Self.publish(4) { publish in
            publish.tag == 4 ? [.ack(2), .ack(4), .ack(3, multiple: true)] : []
        }
        #expect(outcomes == [.routed, .routed, .routed, .routed])
    }

    @Test("a highest confirmed tag says nothing of those before it")
    func highestTag() async throws {
        let outcomes = try await Self.publish(3) { publish in publish.tag == 3 ? [.ack(3)] : [] }
        #expect(outcomes.map { $0.unknownError?.code } == [.timeout, .timeout, nil])
        #expect(outcomes[2] == .routed)
    }

    @Test("a refusal in the middle refuses one message")
    func nackInTheMiddle() async throws {
        let outcomes = try await Self.publish(5) { publish in
            publish.tag == 5 ? [.ack(2, multiple: true), .nack(3), .ack(5, multiple: true)] : []
        }
        #expect(outcomes == [.routed, .routed, .nacked, .routed, .routed])
    }

    @Test("a refusal for many refuses all that are open")
    func multipleNack() async throws {
        let outcomes = try await Self.publish(3) { publish in
            publish.tag == 3 ? [.ack(2), .nack(3, multiple: true)] : []
        }
        #expect(outcomes == [.nacked, .routed, .nacked])
    }

    @Test("a returned message is not routed, although its ack follows")
    func returned() async throws {
        let outcomes = try await Self.publish(3) { publish in
            #expect(publish.isMandatory)
            switch publish.tag {
            case 2: return [.returned(publish)]
            case 3: return [.ack(3, multiple: true)]
            default: return []
            }
        }
        #expect(outcomes == [.routed, .returned(code: .noRoute, text: "NO_ROUTE"), .routed])
    }

    @Test("confirms that are late, and not too late, are taken")
    func late() async throws {
        try await withScriptedBroker({ _ in [] }) { broker in
            try await Broker.withConnection(url: broker.url) { connection, _ in
                async let outcomes = connection.publish(Self.messages(2))
                try await eventually("both have arrived") { broker.published.count == 2 }
                broker.say(.ack(2), .ack(1))
                #expect(await outcomes == [.routed, .routed])
            }
        }
    }

    @Test("confirms that do not come end the connection; those that came stand")
    func missing() async throws {
        let outcomes = try await Self.publish(3) { publish in
            publish.tag == 1 ? [.ack(1)] : []
        } then: { connection, _, _ in
            #expect(!connection.isOpen)
        }
        #expect(outcomes[0] == .routed)
        #expect(outcomes[1...].map { $0.unknownError?.code } == [.timeout, .timeout])
    }

    @Test("a confirm for a tag that was not published ends the connection: both sides no longer count the same")
    func unknownTag() async throws {
        let outcomes = try await Self.publish(1) { _ in [.ack(7)] }
        #expect(outcomes.map { $0.unknownError?.code } == [.connectionLost])
    }

    @Test("a channel that closes in mid-batch leaves open only what was not confirmed, and the next one counts anew")
    func channelClosed() async throws {
        let outcomes = try await Self.publish(4) { publish in
            switch publish.messageID {
            case "message 1": [.ack(1)]
            case "message 2": [.closeChannel(404, "NOT_FOUND")]
            default: [.ack(publish.tag)]
            }
        } then: { connection, broker, _ in
            #expect(await connection.publish([.to("q", id: "next")]) == [.routed])
            #expect(broker.published.last?.tag == 1)
            #expect(broker.connectionCount == 1)
        }
        #expect(outcomes[0] == .routed)
        #expect(outcomes[1...].map { $0.unknownError?.replyCode } == [.notFound, .notFound, .notFound])
    }

    @Test("a connection that the broker closes leaves open only what was not confirmed")
    func connectionClosed() async throws {
        let outcomes = try await Self.publish(3) { publish in
            publish.tag == 2 ? [.ack(1), .closeConnection(320, "CONNECTION_FORCED")] : []
        }
        #expect(outcomes[0] == .routed)
        #expect(outcomes[1...].map { $0.unknownError?.replyCode } == [.connectionForced, .connectionForced])
    }

    @Test("an alarm ends the call; its confirms come by id when it is over, and the connection goes on")
    func blocked() async throws {
        let outcomes = try await Self.publish(3) { publish in
            publish.tag == 3 ? [.ack(1), .blocked("low on disk")] : publish.tag > 3 ? [.ack(publish.tag)] : []
        } then: { connection, broker, _ in
            #expect(connection.blockedReason == "low on disk")
            #expect(connection.hasLateConfirms)
            // Longer than a confirm may take without an alarm.
            try await Task.sleep(for: .milliseconds(700))
            #expect(connection.isOpen)
            broker.say(.unblocked, .ack(3), .nack(2))
            try await eventually("the confirms are in") { connection.takeLateConfirms() == ["message 3"] }
            try await eventually("no more are awaited") { !connection.hasLateConfirms }
            #expect(await connection.publish([.to("q", id: "next")]) == [.routed])
        }
        #expect(outcomes[0] == .routed)
        #expect(outcomes[1...].map { $0.unknownError?.code } == [.blocked, .blocked])
    }

    @Test("confirms that an alarm's end does not bring end the connection")
    func blockedForGood() async throws {
        _ = try await Self.publish(1) { _ in
            [.blocked("low on memory")]
        } then: { connection, broker, _ in
            broker.say(.unblocked)
            #expect(await connection.waitUntilClosed().code == .timeout)
        }
    }

    @Test(
        "nonsense ends the connection, and no more",
        arguments: [[0x42], [UInt8]("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)])
    func garbage(bytes: [UInt8]) async throws {
        // A frame of no known kind; too short to be whole, it is waited for until the confirms are due.
        let outcomes = try await Self.publish(2) { publish in publish.tag == 2 ? [.ack(1), .bytes(bytes)] : [] }
        #expect(outcomes[0] == .routed)
        #expect(outcomes[1].unknownError != nil)
    }

    @Test("a frame that ends with the wrong byte ends the connection")
    func frameEnd() async throws {
        // basic.ack of tag 1 on channel 2.
        let ack: [UInt8] = [1, 0, 2, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x42]
        let outcomes = try await Self.publish(1) { _ in [.bytes(ack)] }
        #expect(outcomes.map { $0.unknownError?.code } == [.connectionLost])
    }

    @Test("a frame that is cut anywhere, by a reset, settles nothing")
    func cutFrames() async throws {
        for count in 0...20 {
            let outcomes = try await Self.publish(1) { _ in [.cut(.ack(1), afterBytes: count)] }
            #expect(outcomes.map { $0.unknownError?.code } == [.connectionLost], "after \(count) bytes")
        }
    }
}
