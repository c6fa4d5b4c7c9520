import Foundation
import Testing

@testable import Outbox
@testable import RabbitMQ

struct MessageTests {
    @Test("a message carries the event's bytes, its id and the pinned properties")
    func properties() {
        let event = ClaimedEvent.fixture()
        let message = RabbitMQMessage(event: event, possibleDuplicate: false)
        #expect(message.exchange == event.exchange)
        #expect(message.routingKey == event.routingKey)
        #expect(message.body == event.payload)
        #expect(message.messageID == event.id.uuidString.lowercased())
        #expect(message.type == "SkillLearnTask")
        #expect(message.contentType == "application/json")
        #expect(message.appID == "skillrelay")
        #expect(message.timestamp == 1_771_832_565)
        #expect(message.headers.isEmpty)
    }

    @Test("a possible duplicate says so")
    func duplicate() {
        let message = RabbitMQMessage(event: .fixture(), possibleDuplicate: true)
        #expect(message.headers == ["x-possible-duplicate": .bool(true)])
    }

    @Test("headers keep their type")
    func headers() {
        let json = #"{"traceparent": "00-1-2-01", "n": 7, "yes": true, "one": 1, "zero": 0}"#
        #expect(
            RabbitMQMessage.headers(json: json) == [
                "traceparent": .string("00-1-2-01"), "n": .int(7), "yes": .bool(true),
                "one": .int(1), "zero": .int(0),
            ]
        )
    }
}

struct DeliveryOutcomeTests {
    @Test("a return and a nack are the destination's fault")
    func destination() {
        #expect(
            DeliveryOutcome(.returned(code: .noRoute, text: "NO_ROUTE"), wasAlone: false)
                == .destinationFault("returned: 312 NO_ROUTE")
        )
        #expect(
            DeliveryOutcome(.nacked, wasAlone: false)
                == .destinationFault("refused by the queue (basic.nack)", maybeSent: true))
        #expect(DeliveryOutcome(.routed, wasAlone: false) == .delivered)
    }

    @Test("an exchange that is missing is the destination's fault; a connection that ends over the question is not")
    func exchange() {
        let missing = RabbitMQError(.channelClosed, "no exchange", replyCode: .notFound)
        #expect(DeliveryOutcome(unavailableExchange: missing) == .destinationFault("\(missing)"))
        let stopped = RabbitMQError(.connectionLost, "the broker closed the connection", replyCode: .connectionForced)
        #expect(DeliveryOutcome(unavailableExchange: stopped) == .unsent("\(stopped)"))
    }
}
