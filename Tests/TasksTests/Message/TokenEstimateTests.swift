import JSON
import Testing

@testable import Tasks

@Suite("The estimate of tokens")
struct TokenEstimateTests {
    private static let prose = """
        The outbox pattern solves a problem that looks small and is not: a service changes its database \
        and tells others about it, and one of the two can fail. Whoever writes first and publishes \
        afterwards loses messages when the process dies in between; whoever publishes first tells of \
        changes that never happened. An outbox puts the message into the same transaction as the change. \
        What's committed together can't be separated, and a relay that reads the table delivers it later, \
        as often as it takes.
        """

    private static let code = """
        func middleOut(tokens limit: Int) -> [ParsedMessage] {
            var kept = Array(self.messages.indices)
            while total > limit, !kept.isEmpty {
                let place = choose(kept)
                total -= self.tokens[place]  // never below zero
                kept.remove(at: place)
            }
            return kept.map { self.messages[$0] }
        }

        """

    private static let document = #"""
        {"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","session_id":"0d9c1b7e-8a52-4d0e-9a41-5b8f3c2e7d10","role":"user",\#
        "parts":[{"type":"text","text":"Hello, can you fix the build?"},{"type":"image","meta":{"url":"https://example.com/a.png","detail":"low"}}],\#
        "created_at":"2026-02-23T07:42:45.123456Z","has_more":false,"tokens":[1,22,333,4444]}
        """#

    private static let chinese = """
        发件箱模式解决了一个看起来很小的问题：服务在更改数据库之后，还要通知其他服务，而两者中的任何一个都可能失败。\
        把消息和更改写入同一个事务，就不会丢失消息，也不会发出从未发生过的更改。
        """

    // What o200k_base itself makes of them.
    @Test(
        "is near the real count",
        arguments: [(Self.prose, 96), (Self.code, 79), (Self.document, 141), (Self.chinese, 62)]
    )
    func near(text: String, tokens: Int) {
        let estimate = TokenEstimate.count(text)
        #expect(abs(estimate - tokens) * 100 <= tokens * 15, "\(estimate) for \(tokens)")
    }

    // Pieces that are one token each in any text, and runs that are cut in one way only.
    @Test(
        "counts pieces as they are cut",
        arguments: [
            ("", 0), ("a", 1), (" a", 1), ("the word", 2), ("don't", 1), ("(x)", 2), ("123", 1), ("1234", 2),
            ("1234567", 3),
            ("a\n", 2), ("a.\n", 2), ("a\n\n  b", 4), (" 7", 2), ("camelCase", 2), ("   ", 1), ("\r\n", 1),
        ]
    )
    func pieces(text: String, tokens: Int) {
        #expect(TokenEstimate.count(text) == tokens)
    }

    @Test("of a message is over its texts, and the names and arguments of its calls, each on a line")
    func parts() {
        let parts = [
            MessagePart(type: "text", text: "one"),
            MessagePart(type: "image", meta: ["url": "https://example.com/large"]),
            MessagePart(
                type: "tool-call", meta: ["id": "ignored-and-very-long", "name": "f", "arguments": #"{"a":1}"#]
            ),
            MessagePart(type: "tool-result", text: "done", meta: ["tool_call_id": "1"]),
        ]
        let text = "one\n" + #"{"arguments":"{\"a\":1}","name":"f"}"# + "\ndone\n"
        #expect(TokenEstimate.count(parts) == TokenEstimate.count(text))
        #expect(TokenEstimate.count([MessagePart]()) == 0)
    }

    @Test("never fails, whatever the text")
    func anything() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let text = String(
                String.UnicodeScalarView(
                    (0..<20).compactMap { _ in
                        Unicode.Scalar(
                            UInt32.random(in: 0...(Bool.random(using: &random) ? 0x7F : 0x10FFFF), using: &random))
                    }
                )
            )
            #expect((0...200).contains(TokenEstimate.count(text)))
        }
    }
}
