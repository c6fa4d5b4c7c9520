import JSON
import Testing

@testable import Tasks

@Suite("A message in OpenAI's format")
struct OpenAIFormatTests {
    private static func normalise(_ text: String) throws -> NormalisedMessage {
        try MessageFormat.openai.normalise(json(text))
    }

    @Test("of a user is a text, or a part for each piece of content")
    func user() throws {
        let plain = try Self.normalise(#"{"role":"user","content":"hi","name":"anna"}"#)
        #expect(plain.role == "user" && plain.parts == [MessagePart(type: "text", text: "hi")])
        #expect(plain.meta == ["source_format": "openai", "name": "anna"])
        let rich = try Self.normalise(
            #"""
            {"role":"user","content":[{"type":"text","text":"look"},
                {"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}},
                {"type":"image_url","image_url":{"url":"u"}},
                {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
                {"type":"file","file":{"file_id":"f1","filename":"a.pdf","file_data":null}}]}
            """#
        )
        #expect(
            rich.parts == [
                MessagePart(type: "text", text: "look"),
                MessagePart(type: "image", meta: ["url": "https://x/y.png", "detail": "low"]),
                MessagePart(type: "image", meta: ["url": "u", "detail": ""]),
                MessagePart(type: "audio", meta: ["data": "AAAA", "format": "wav"]),
                MessagePart(type: "file", meta: ["file_id": "f1", "filename": "a.pdf"]),
            ]
        )
    }

    @Test("of an assistant has its texts, refusals and calls")
    func assistant() throws {
        let call = #"{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}"#
        let custom = #"{"id":"c2","type":"custom","custom":{"name":"g","input":"x"}}"#
        // As the provider's own client prints an answer.
        let message = try Self.normalise(
            #"""
            {"role":"assistant","content":null,"refusal":null,"annotations":[],"audio":null,"function_call":null,
             "tool_calls":[\#(call),\#(custom)]}
            """#
        )
        let part = MessagePart(
            type: "tool-call", meta: ["id": "c1", "name": "f", "arguments": #"{"a":1}"#, "type": "function"]
        )
        #expect(message.role == "assistant" && message.parts == [part])
        let refusal = MessagePart(type: "text", text: "no", meta: ["is_refusal": true])
        #expect(
            try Self.normalise(
                #"{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"refusal","refusal":"no"}]}"#
            ).parts == [MessagePart(type: "text", text: "a"), refusal]
        )
        #expect(try Self.normalise(#"{"role":"assistant","refusal":"no"}"#).parts == [refusal])
        #expect(try Self.normalise(#"{"role":"assistant","content":""}"#).parts.isEmpty)
        let legacy = try Self.normalise(#"{"role":"assistant","function_call":{"name":"f","arguments":"{}"}}"#)
        #expect(
            legacy.parts == [
                MessagePart(type: "tool-call", meta: ["name": "f", "arguments": "{}", "type": "function"])
            ])
    }

    @Test("of a tool is a user's, with the result")
    func tool() throws {
        let result = MessagePart(type: "tool-result", text: "ab", meta: ["tool_call_id": "c1"])
        for content in [#""ab""#, #"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#] {
            let message = try Self.normalise(#"{"role":"tool","tool_call_id":"c1","content":\#(content)}"#)
            #expect(message.role == "user" && message.parts == [result])
        }
        let function = try Self.normalise(#"{"role":"function","name":"f","content":"x"}"#)
        #expect(function.parts[0].meta?["function_name"] == "f")
        // CORE refuses a result without it.
        #expect(function.parts[0].meta?["tool_call_id"]?.string == "")
    }

    @Test("of a system or a developer is a user's, and comes back as it was", arguments: ["system", "developer"])
    func instructions(role: String) throws {
        let message = try Self.normalise(#"{"role":"\#(role)","content":"be brief","name":"n"}"#)
        #expect(message.role == "user" && message.meta["original_role"]?.string == role)
        let blob = try json(
            #"{"role":"\#(role)","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"n"}"#)
        #expect(
            try MessageFormat.openai.roundTrip([blob])
                == [["role": .string(role), "content": "ab", "name": "n"]]
        )
    }

    @Test(
        "is refused with what is wrong",
        arguments: [
            ("{}", MessageFormatError.missing("role")), (#"{"role":"wizard"}"#, .unsupported("role")),
            (#"{"role":"user"}"#, .missing("content")), (#"{"role":"user","content":null}"#, .missing("content")),
            (#"{"role":"user","content":[]}"#, .missing("content")),
            (#"{"role":"user","content":7}"#, .wrongType("content")),
            (#"{"role":"user","content":["x"]}"#, .missing("type")),
            (#"{"role":"user","content":[{"type":"video"}]}"#, .unsupported("type")),
            (#"{"role":"user","content":[{"type":"text"}]}"#, .missing("text")),
            (#"{"role":"user","content":[{"type":"image_url","image_url":"u"}]}"#, .wrongType("image_url")),
            (#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#, .missing("url")),
            (#"{"role":"user","content":"x","name":1}"#, .wrongType("name")),
            (#"{"role":"assistant","tool_calls":{}}"#, .wrongType("tool_calls")),
            (#"{"role":"assistant","tool_calls":[{"id":"1"}]}"#, .missing("function")),
            (#"{"role":"assistant","tool_calls":[{"id":"1","function":{}}]}"#, .missing("name")),
            (#"{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}"#, .missing("id")),
            (#"{"role":"assistant","content":[{"type":"audio"}]}"#, .unsupported("type")),
            (#"{"role":"tool","content":"x"}"#, .missing("tool_call_id")), (#"{"role":"function"}"#, .missing("name")),
            (#"{"role":"system"}"#, .missing("content")),
        ]
    )
    func refused(text: String, error: MessageFormatError) throws {
        let blob = try json(text)
        #expect(throws: error) { try MessageFormat.openai.normalise(blob) }
    }

    @Test("comes out in the shape that fits its parts")
    func output() throws {
        func out(_ role: String, _ parts: String, meta: String = "{}") -> JSONValue {
            MessageFormat.openai.convert([ParsedMessage(role: role, parts: parts, meta: meta)])[0]
        }
        let text = #"{"type":"text","text":"a"}"#
        #expect(out("user", "[\(text)]", meta: #"{"name":"n"}"#).text == #"{"role":"user","content":"a","name":"n"}"#)
        #expect(out("user", "[\(text),\(text)]")["content"]?.array?.count == 2)
        #expect(out("user", "[]").text == #"{"role":"user","content":[]}"#)
        let results =
            #"[{"type":"tool-result","text":"x","meta":{}},{"type":"tool-result","text":"y","meta":{"tool_call_id":"2"}}]"#
        #expect(out("user", results).text == #"{"role":"tool","tool_call_id":"2","content":"xy"}"#)
        #expect(out("assistant", "[]").text == #"{"role":"assistant"}"#)
        #expect(out("assistant", "[\(text)]")["content"] == "a")
        let thinking =
            #"[{"type":"thinking","text":"hm","meta":{"signature":"s"}},{"type":"redacted_thinking","meta":{"data":"d"}},\#(text)]"#
        #expect(
            out("assistant", thinking)["content"]
                == [["type": "text", "text": "hm"], ["type": "text", "text": "a"]]
        )
        let calls =
            #"[{"type":"tool-call","meta":{"id":"1","name":"f","arguments":{"a":1}}},{"type":"tool-call","meta":{"name":"g","arguments":""}}]"#
        #expect(
            out("assistant", calls)["tool_calls"]
                == [["id": "1", "type": "function", "function": ["name": "f", "arguments": #"{"a":1}"#]]]
        )
        // Rows of an Acontext of old.
        #expect(out("tool", "[\(text)]")["role"] == "user")
    }

    @Test("has images by their public URL, by their own, or in itself")
    func images() {
        let asset = #"{"bucket":"b","s3_key":"k","etag":"e","sha256":"s","mime":"image/png","size_b":1}"#
        let parts = #"""
            [{"type":"image","asset":\#(asset)},{"type":"image","meta":{"url":"u","detail":"low"}},
             {"type":"image","meta":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"image"}]
            """#
        let stored = ParsedMessage(role: "user", parts: parts)
        let urls = MessageFormat.openai.convert([stored], urls: ["s": "https://s3/k"])[0]["content"]?.array?
            .map { $0["image_url"]?["url"]?.string }
        #expect(urls == ["https://s3/k", "u", "data:image/png;base64,AAAA"])
        #expect(MessageFormat.openai.convert([stored])[0]["content"]?.array?.count == 2)
    }
}
