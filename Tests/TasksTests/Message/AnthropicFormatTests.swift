import JSON
import Testing

@testable import Tasks

@Suite("A message in Anthropic's format")
struct AnthropicFormatTests {
    private static func parts(_ content: String, role: String = "user") throws -> [MessagePart] {
        try MessageFormat.anthropic.normalise(json(#"{"role":"\#(role)","content":\#(content)}"#)).parts
    }

    @Test("is a text, or a part for each block that is known")
    func blocks() throws {
        #expect(try Self.parts(#""hi""#) == [MessagePart(type: "text", text: "hi")])
        let blocks = #"""
            [{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"},"citations":null},
             {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
             {"type":"image","source":{"type":"url","url":"u"}},
             {"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"x"},{"type":"image","source":{}},{"type":"text","text":"y"}]},
             {"type":"tool_result","tool_use_id":"t2","content":"z","is_error":true},
             {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"BBBB"},"title":"t"},
             {"type":"web_search_tool_result","content":[]}]
            """#
        #expect(
            try Self.parts(blocks) == [
                MessagePart(type: "text", text: "a", meta: ["cache_control": ["type": "ephemeral", "ttl": "1h"]]),
                MessagePart(type: "image", meta: ["type": "base64", "media_type": "image/png", "data": "AAAA"]),
                MessagePart(type: "image", meta: ["type": "url", "url": "u"]),
                MessagePart(type: "tool-result", text: "xy", meta: ["tool_call_id": "t1", "is_error": false]),
                MessagePart(type: "tool-result", text: "z", meta: ["tool_call_id": "t2", "is_error": true]),
                MessagePart(type: "file", meta: ["type": "base64", "media_type": "application/pdf", "data": "BBBB"]),
            ]
        )
        let answer = #"""
            [{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"d"},
             {"type":"tool_use","id":"t1","name":"f","input":{"n":12345678901234567890,"z":1.0}}]
            """#
        #expect(
            try Self.parts(answer, role: "assistant") == [
                MessagePart(type: "thinking", text: "hm", meta: ["signature": "s"]),
                MessagePart(type: "redacted_thinking", meta: ["data": "d"]),
                MessagePart(
                    type: "tool-call",
                    meta: [
                        "id": "t1", "name": "f", "arguments": #"{"n":12345678901234567890,"z":1.0}"#,
                        "type": "tool_use",
                    ]
                ),
            ]
        )
        #expect(try Self.parts("[]").isEmpty)
    }

    @Test(
        "is refused with what is wrong",
        arguments: [
            (#"{"content":"x"}"#, MessageFormatError.missing("role")),
            (#"{"role":"system","content":"x"}"#, .unsupported("role")),
            (#"{"role":"user","content":1}"#, .wrongType("content")),
            (#"{"role":"user","content":["x"]}"#, .missing("type")),
            (#"{"role":"user","content":[{"type":"text","text":null}]}"#, .missing("text")),
            (#"{"role":"user","content":[{"type":"image"}]}"#, .missing("source")),
            (#"{"role":"user","content":[{"type":"image","source":{"type":"base64"}}]}"#, .missing("media_type")),
            (#"{"role":"user","content":[{"type":"image","source":{"type":"url"}}]}"#, .missing("url")),
            (#"{"role":"user","content":[{"type":"tool_result"}]}"#, .missing("tool_use_id")),
            (#"{"role":"user","content":[{"type":"tool_use","id":"1"}]}"#, .missing("name")),
            (
                #"{"role":"user","content":[{"type":"text","text":"x","cache_control":"y"}]}"#,
                .wrongType("cache_control")
            ),
        ]
    )
    func refused(text: String, error: MessageFormatError) throws {
        let blob = try json(text)
        #expect(throws: error) { try MessageFormat.anthropic.normalise(blob) }
    }

    @Test("comes out as blocks, without empty texts and without what the format does not have")
    func output() {
        let parts = #"""
            [{"type":"text"},{"type":"text","text":"a","meta":{"cache_control":{"type":"other"}}},{"type":"data","meta":{"data_type":"x"}},
             {"type":"audio","meta":{"data":"AAAA","format":"wav"}},
             {"type":"image","meta":{"url":"data:image/gif;base64,R0lG","detail":""}},
             {"type":"file","meta":{"file_data":"data:application/pdf;base64,JVBE","filename":"f"}},
             {"type":"file","meta":{"file_id":"f1"}},
             {"type":"tool-call","meta":{"id":"1","name":"f","arguments":"no json"}},
             {"type":"tool-call","meta":{"id":"2","name":"f","arguments":{"a":1}}},
             {"type":"tool-call","meta":{"id":"","name":"f","arguments":"{}"}},
             {"type":"tool-result","text":"x","meta":{"tool_call_id":"1"}},{"type":"tool-result","text":"x","meta":{}}]
            """#
        let out = MessageFormat.anthropic.convert([ParsedMessage(role: "tool", parts: parts)])[0]
        #expect(out["role"] == "user")
        #expect(
            out["content"] == [
                ["type": "text", "text": "a"],
                ["type": "image", "source": ["type": "base64", "media_type": "image/gif", "data": "R0lG"]],
                ["type": "document", "source": ["type": "base64", "media_type": "application/pdf", "data": "JVBE"]],
                ["type": "tool_use", "id": "1", "name": "f", "input": .object([])],
                ["type": "tool_use", "id": "2", "name": "f", "input": ["a": .number("1")]],
                [
                    "type": "tool_result", "tool_use_id": "1", "content": [["type": "text", "text": "x"]],
                    "is_error": false,
                ],
            ]
        )
    }
}
