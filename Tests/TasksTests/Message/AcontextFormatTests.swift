import Foundation
import JSON
import Testing

@testable import Tasks

@Suite("A message in our own format")
struct AcontextFormatTests {
    @Test("is stored as it is; nulls, as clients print every field, are absent")
    func nulls() throws {
        let message = try MessageFormat.acontext.normalise(
            json(
                #"""
                {"role":"assistant","meta":null,"parts":[
                    {"type":"text","text":"hello","meta":null,"file_field":null},
                    {"type":"tool-call","text":null,"meta":{"name":"f","arguments":{"a":1.0}},"file_field":""},
                    {"type":"file","text":null,"meta":null,"file_field":"doc"},
                    {"type":"data","meta":{"data_type":"x"}},{"type":"tool-result","meta":{"tool_call_id":"1"}},
                    {"type":"redacted_thinking"},{"type":"video"},{"type":"thinking","text":"hm"}]}
                """#
            )
        )
        #expect(message.role == "assistant")
        #expect(message.meta == ["source_format": "acontext"])
        #expect(message.fileFields == [.init(part: 2, name: "doc")])
        #expect(message.parts.map(\.type).count == 8)
        #expect(message.parts[0] == MessagePart(type: "text", text: "hello"))
        #expect(message.parts[1].meta == ["name": "f", "arguments": ["a": .number("1.0")]])
    }

    @Test("keeps a meta of its own, and what it says of its source")
    func meta() throws {
        let text =
            #"{"role":"user","parts":[{"type":"text","text":"x"}],"meta":{"n":12345678901234567890,"source_format":"z"}}"#
        let message = try MessageFormat.acontext.normalise(json(text))
        #expect(message.meta == ["n": .number("12345678901234567890"), "source_format": "z"])
    }

    @Test("cannot say where an asset lies")
    func asset() throws {
        let asset = #"{"bucket":"b","s3_key":"k","etag":"e","sha256":"s","mime":"m","size_b":1}"#
        let text = #"{"role":"user","parts":[{"type":"image","asset":\#(asset),"filename":"f"}]}"#
        #expect(try MessageFormat.acontext.normalise(json(text)).parts == [MessagePart(type: "image")])
    }

    @Test(
        "is refused with what is wrong",
        arguments: [
            ("{}", MessageFormatError.missing("role")), ("[]", .missing("role")), (#"{"role":1}"#, .wrongType("role")),
            (#"{"role":"tool"}"#, .unsupported("role")), (#"{"role":"user","parts":{}}"#, .wrongType("parts")),
            (#"{"role":"user","parts":[1]}"#, .missing("type")), (#"{"role":"user","parts":[null]}"#, .missing("type")),
            (#"{"role":"user","parts":[{"type":"Text","text":"x"}]}"#, .unsupported("type")),
            (#"{"role":"user","parts":[{"type":"text"}]}"#, .missing("text")),
            (#"{"role":"user","parts":[{"type":"text","text":""}]}"#, .missing("text")),
            (#"{"role":"user","parts":[{"type":"thinking","text":null}]}"#, .missing("text")),
            (#"{"role":"user","parts":[{"type":"text","text":1}]}"#, .wrongType("text")),
            (#"{"role":"user","parts":[{"type":"text","text":"x","meta":[]}]}"#, .wrongType("meta")),
            (#"{"role":"user","parts":[{"type":"tool-call"}]}"#, .missing("meta")),
            (#"{"role":"user","parts":[{"type":"tool-call","meta":{"arguments":"{}"}}]}"#, .missing("name")),
            (#"{"role":"user","parts":[{"type":"tool-call","meta":{"name":"f"}}]}"#, .missing("arguments")),
            (
                #"{"role":"user","parts":[{"type":"tool-call","meta":{"name":"f","arguments":[]}}]}"#,
                .wrongType("arguments")
            ),
            (#"{"role":"user","parts":[{"type":"tool-result","meta":{}}]}"#, .missing("tool_call_id")),
            (#"{"role":"user","parts":[{"type":"data","meta":{}}]}"#, .missing("data_type")),
            (#"{"role":"user","parts":[],"meta":"x"}"#, .wrongType("meta")),
            (#"{"role":"user","parts":[{"type":"file","file_field":7}]}"#, .wrongType("file_field")),
            (
                #"{"role":"user","parts":[{"type":"file","file_field":"\#(String(repeating: "x", count: 256))"}]}"#,
                .tooLong("file_field")
            ),
        ]
    )
    func refused(text: String, error: MessageFormatError) throws {
        let blob = try json(text)
        #expect(throws: error) { try MessageFormat.acontext.normalise(blob) }
    }

    @Test("comes out whole, with the keys of our own, null where nothing is, and without an empty meta")
    func output() throws {
        let parts =
            #"[{"type":"text","text":"a"},{"type":"image","asset":{"bucket":"b","s3_key":"k","etag":"e","sha256":"s","mime":"m","size_b":1},"filename":"f.png"}]"#
        let stored = ParsedMessage(
            role: "user", parts: parts, meta: #"{"source_format":"openai","__user_meta__":{"a":1}}"#)
        let out = MessageFormat.acontext.convert([stored, ParsedMessage(role: "assistant", parts: "[]")])
        #expect(out[0]["id"]?.string == stored.message.id.uuidString.lowercased())
        #expect(out[0]["parts"]?.text == parts)
        #expect(out[0]["meta"] == ["source_format": "openai", "__user_meta__": ["a": .number("1")]])
        #expect(out[0]["created_at"] == "2026-02-23T07:42:45.12Z")
        #expect(out[0]["session_task_process_status"] == "pending")
        #expect(out[0].object?.filter { $0.value == .null }.map(\.key) == ["parent_id", "task_id"])
        #expect(out[1].object?.contains { $0.key == "meta" } == false)
        #expect(out[1]["parts"] == [])
    }

    @Test("is read whatever others have stored: what is no part is left out")
    func unreadable() {
        let message = ParsedMessage(
            role: "user", parts: #"[1,{"text":"x"},{"type":"text","text":"a\u0000\ud800","meta":7,"asset":{}}]"#,
            meta: "[]"
        )
        #expect(message.parts == [MessagePart(type: "text", text: "a\u{0}\u{FFFD}")])
        #expect(message.meta == .object([]) && message.userMeta == .object([]))
        #expect(ParsedMessage(role: "user", parts: "no json", meta: #"{"__user_meta__":1}"#).parts.isEmpty)
    }
}
