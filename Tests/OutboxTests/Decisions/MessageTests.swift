import Foundation
import Postgres
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

    @Test("a replayed event names its run")
    func replay() {
        var event = ClaimedEvent.fixture()
        let run = EventID.next()
        event.replayID = run
        let message = RabbitMQMessage(event: event, possibleDuplicate: false)
        #expect(message.headers == ["x-replay-id": .string(run.lowercased)])
    }

    @Test(
        "headers keep their type and their exact value, in whatever form the database prints them",
        arguments: [
            ("{}", [:]),
            (
                #"{"traceparent": "00-1-2-01", "tracestate": "a=1,b=2"}"#,
                ["traceparent": .string("00-1-2-01"), "tracestate": .string("a=1,b=2")]
            ),
            (
                #"{"n": 7, "no": false, "yes": true, "one": 1, "zero": 0, "minus": -1}"#,
                [
                    "n": .int(7), "no": .bool(false), "yes": .bool(true), "one": .int(1), "zero": .int(0),
                    "minus": .int(-1),
                ]
            ),
            (#"{"max": 9223372036854775807, "min": -9223372036854775808}"#, ["max": .int(.max), "min": .int(.min)]),
            (#"{"n": 7.0, "m": 100}"#, ["n": .int(7), "m": .int(100)]),
            (#"{"true": "true", "n": "7", "": ""}"#, ["true": .string("true"), "n": .string("7"), "": .string("")]),
            (#"{"a\"b": "c\\d", "e": "\n\u0001/ü😀"}"#, [#"a"b"#: .string(#"c\d"#), "e": .string("\n\u{1}/ü😀")]),
            (#"{"comma": ", \": }", "brace": "}"}"#, ["comma": .string(#", ": }"#), "brace": .string("}")]),
            (#"{"broken": 1"#, [:]),
        ] as [(String, [String: RabbitMQHeader])]
    )
    func headers(json: String, headers: [String: RabbitMQHeader]) {
        #expect(HeaderReader.headers(json) == headers)
    }

    @Test("usual headers are read without the general decoder, which would take many times as long")
    func headerCost() {
        let usual = #"{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1"}"#
        func time(_ json: String) -> Duration {
            ContinuousClock().measure { for _ in 1...5000 { _ = HeaderReader.headers(json) } }
        }
        // An escape is what the decoder is for.
        let escaped = usual.replacing("a=1", with: #"a=\\"#)
        #expect(time(usual) * 2 < time(escaped), "\(time(usual)) and \(time(escaped)) for 5,000")
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

    @Test(
        "a confirm that does not come is the destination's fault when nothing else was in flight, and perhaps it was sent"
    )
    func mute() {
        let late = RabbitMQError(.timeout, "the broker did not confirm a message in time")
        #expect(
            DeliveryOutcome(.unknown(late), wasAlone: true) == .destinationFault("\(late)", maybeSent: true))
        #expect(DeliveryOutcome(.unknown(late), wasAlone: false) == .unknown("\(late)"))
        let lost = RabbitMQError(.connectionLost, "the connection was reset")
        #expect(DeliveryOutcome(.unknown(lost), wasAlone: true) == .unknown("\(lost)"))
    }
}
