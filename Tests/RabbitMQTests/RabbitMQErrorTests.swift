import Testing

@testable import RabbitMQ

@Suite("Errors")
struct RabbitMQErrorTests {
    @Test("the description has the code; the broker's words are for debugging")
    func description() {
        let error = RabbitMQError(
            .channelClosed,
            "binding failed",
            replyCode: .notFound,
            brokerText: "no exchange 'x' in vhost '/'"
        )
        #expect(error.description == "binding failed: 404 NOT_FOUND")
        #expect(error.debugDescription == "binding failed: 404 NOT_FOUND (no exchange 'x' in vhost '/')")
        #expect(ReplyCode(rawValue: 599).description == "599")
    }

    @Test(
        "what may succeed later with nothing changed here is retryable",
        arguments: [
            (RabbitMQError.Code.unreachable, true), (.refused, true), (.connectionLost, true), (.channelClosed, true),
            (.consumerCancelled, true), (.timeout, true), (.blocked, true), (.configuration, false),
            (.invalidMessage, false), (.cancelled, false), (.closed, false),
        ]
    )
    func isRetryable(code: RabbitMQError.Code, expected: Bool) {
        #expect(RabbitMQError(code, "failed").isRetryable == expected)
    }
}
