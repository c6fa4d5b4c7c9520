import Foundation
import JSON
import Testing

@testable import Tasks

@Suite("A message in Gemini's format")
struct GeminiFormatTests {
    private static func normalise(_ parts: String, role: String = "user") throws -> NormalisedMessage {
        try MessageFormat.gemini.normalise(json(#"{"role":"\#(role)","parts":\#(parts)}"#))
    }

    @Test("is a part for each of its parts, in either spelling")
    func parts() throws {
        let camel = #"""
            [{"text":"a"},{"text":"hm","thought":true,"thoughtSignature":"c2ln"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},
             {"inlineData":{"mimeType":"audio/wav","data":"AAAA"}},{"fileData":{"mimeType":"video/mp4","fileUri":"gs://x"}}]
            """#
        let snake = #"""
            [{"text":"a","thought":null},{"text":"hm","thought":true,"thought_signature":"c2ln"},{"inline_data":{"mime_type":"image/png","data":"AAAA"}},
             {"inline_data":{"mime_type":"audio/wav","data":"AAAA"}},{"file_data":{"mime_type":"video/mp4","file_uri":"gs://x"}}]
            """#
        for text in [camel, snake] {
            let message = try Self.normalise(text)
            #expect(message.role == "user" && message.meta == ["source_format": "gemini"])
            #expect(
                message.parts.map(\.asJSON) == [
                    ["type": "text", "text": "a"],
                    ["type": "thinking", "text": "hm", "meta": ["signature": "c2ln"]],
                    ["type": "image", "meta": ["type": "base64", "media_type": "image/png", "data": "AAAA"]],
                    ["type": "audio", "meta": ["type": "base64", "media_type": "audio/wav", "data": "AAAA"]],
                    ["type": "video", "meta": ["type": "url", "media_type": "video/mp4", "url": "gs://x"]],
                ]
            )
        }
    }

    @Test("keeps its calls, and gives an id to those without")
    func calls() throws {
        let message = try Self.normalise(
            #"[{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"id":"own","name":"g"},"thoughtSignature":"c2ln"}]"#,
            role: "model"
        )
        #expect(message.role == "assistant")
        let ids = message.parts.map { $0.metaText("id") }
        #expect(ids[0].wholeMatch(of: #/call_[0-9a-f]{8}/#) != nil && ids[1] == "own")
        #expect(message.parts[0].meta?["arguments"] == #"{"a":1}"# && message.parts[1].meta?["arguments"] == "{}")
        #expect(
            message.meta["__gemini_call_info__"]
                == [["id": .string(ids[0]), "name": "f"], ["id": "own", "name": "g"]]
        )
    }

    @Test("has results with the id of their call, or only its name")
    func results() throws {
        let message = try Self.normalise(
            #"[{"functionResponse":{"name":"f","response":{"x":1.0}}},{"functionResponse":{"id":"1","name":"g","response":null}}]"#
        )
        #expect(
            message.parts == [
                MessagePart(type: "tool-result", text: #"{"x":1.0}"#, meta: ["name": "f"]),
                MessagePart(type: "tool-result", meta: ["name": "g", "tool_call_id": "1"]),
            ]
        )
        #expect(message.meta["__gemini_call_info__"] == nil)
    }

    @Test(
        "is refused with what is wrong",
        arguments: [
            (#"{"parts":[]}"#, MessageFormatError.missing("role")), (#"{"role":"assistant"}"#, .unsupported("role")),
            (#"{"role":"user","parts":[{}]}"#, .unsupported("part")),
            (#"{"role":"user","parts":[1]}"#, .unsupported("part")),
            (#"{"role":"user","parts":[{"executableCode":{}}]}"#, .unsupported("part")),
            (#"{"role":"user","parts":[{"functionCall":{}}]}"#, .missing("name")),
            (#"{"role":"user","parts":[{"functionCall":{"name":"f","args":[]}}]}"#, .wrongType("args")),
            (#"{"role":"user","parts":[{"functionResponse":{"response":{}}}]}"#, .missing("name")),
            (#"{"role":"user","parts":[{"inlineData":{}}]}"#, .missing("data")),
            (#"{"role":"user","parts":[{"fileData":{}}]}"#, .missing("fileUri")),
        ]
    )
    func refused(text: String, error: MessageFormatError) throws {
        let blob = try json(text)
        #expect(throws: error) { try MessageFormat.gemini.normalise(blob) }
    }

    @Test("comes out with names for results that only know their call's id, one content for each message")
    func output() {
        let out = MessageFormat.gemini.convert([
            ParsedMessage(
                role: "assistant", parts: #"[{"type":"tool-call","meta":{"id":"1","name":"f","arguments":"[1]"}}]"#),
            ParsedMessage(role: "user", parts: #"[{"type":"tool-result","text":"plain","meta":{"tool_call_id":"1"}}]"#),
            ParsedMessage(
                role: "user", parts: #"[{"type":"tool-result","text":"x","meta":{"tool_call_id":"unknown"}}]"#),
            ParsedMessage(role: "user", parts: #"[{"type":"image","meta":{"url":"https://x"}}]"#),
        ])
        #expect(
            out == [
                ["role": "model", "parts": [["functionCall": ["id": "1", "name": "f", "args": .object([])]]]],
                [
                    "role": "user",
                    "parts": [["functionResponse": ["id": "1", "name": "f", "response": ["output": "plain"]]]],
                ],
                ["role": "user", "parts": []],
                ["role": "user", "parts": [["fileData": ["fileUri": "https://x"]]]],
            ]
        )
    }

    @Test("answers calls by id, or else the oldest of its name")
    func openCalls() throws {
        let (first, second) = (UUID(), UUID())
        var calls = OpenCalls([
            (first, #"[{"id":"1","name":"f"},{"id":"2","name":"g"},{"id":3,"name":"f"},"x"]"#),
            (second, #"[{"id":"4","name":"f"}]"#),
            (second, "no json"),
        ])
        func answer(_ name: String, id: String? = nil) throws -> String {
            var part = MessagePart(
                type: "tool-result",
                meta: JSONValue(members: ["name": .string(name), "tool_call_id": id.map { .string($0) }])
            )
            try calls.answer(&part)
            return part.metaText("tool_call_id")
        }
        #expect(try answer("f", id: "9") == "9")
        #expect(try answer("g", id: "2") == "2")
        #expect(try answer("f") == "1")
        #expect(try answer("f") == "4")
        #expect(throws: MessageFormatError.noOpenCall) { try answer("f") }
        #expect(throws: MessageFormatError.noOpenCall) { try answer("g") }
        #expect(
            calls.answered.map(\.id) == ["2", "1", "4"] && calls.answered.map(\.message) == [first, first, second])
    }
}
