import Foundation
import JSON
import Testing

@testable import Tasks

@Suite("Edit strategies")
struct EditStrategyTests {
    private static func edit(
        _ messages: [ParsedMessage],
        _ strategies: String,
        pin: UUID? = nil
    ) throws -> [ParsedMessage] {
        EditStrategy.apply(try EditStrategy.list(json(strategies)), to: messages, pin: pin).messages
    }

    private static func user(_ text: String) -> ParsedMessage {
        ParsedMessage(role: "user", parts: JSONValue.array([["type": "text", "text": .string(text)]]).text)
    }

    private static func call(_ id: String, _ name: String = "f", arguments: String = #"{"a":1}"#) -> ParsedMessage {
        let meta: JSONValue = ["id": .string(id), "name": .string(name), "arguments": .string(arguments)]
        return ParsedMessage(role: "assistant", parts: JSONValue.array([["type": "tool-call", "meta": meta]]).text)
    }

    private static func result(_ id: String, _ text: String) -> ParsedMessage {
        let part: JSONValue = ["type": "tool-result", "text": .string(text), "meta": ["tool_call_id": .string(id)]]
        return ParsedMessage(role: "user", parts: JSONValue.array([part]).text)
    }

    private static func texts(_ messages: [ParsedMessage]) -> [String] {
        messages.flatMap(\.parts).map { $0.text ?? $0.meta?["arguments"]?.string ?? "" }
    }

    private static let talk: [ParsedMessage] =
        (1...4).flatMap { [call("\($0)", $0 == 1 ? "keep" : "f"), result("\($0)", "result \($0)")] }

    @Test("put a placeholder in the place of old results")
    func results() throws {
        let out = try Self.edit(
            Self.talk, #"[{"type":"remove_tool_result","params":{"keep_recent_n_tool_results":1}}]"#)
        #expect(Self.texts(out).filter { !$0.hasPrefix("{") } == ["Done", "Done", "Done", "result 4"])
        let own =
            #"[{"type":"remove_tool_result","params":{"keep_recent_n_tool_results":1.0,"tool_result_placeholder":" gone ","keep_tools":["keep"]}}]"#
        #expect(
            Self.texts(try Self.edit(Self.talk, own)).filter { !$0.hasPrefix("{") }
                == ["result 1", "gone", "gone", "result 4"]
        )
        let many = try Self.edit(Self.talk, #"[{"type":"remove_tool_result"}]"#)
        #expect(Self.texts(many).filter { !$0.hasPrefix("{") } == ["Done", "result 2", "result 3", "result 4"])
    }

    @Test("put an empty object in the place of old arguments; what is small stays, if they say so")
    func arguments() throws {
        let large = #"{"text":"\#(String(repeating: "word ", count: 100))"}"#
        let messages = [Self.call("1", arguments: large), Self.call("2"), Self.call("3")]
        let all = try Self.edit(
            messages, #"[{"type":"remove_tool_call_params","params":{"keep_recent_n_tool_calls":0}}]"#)
        #expect(Self.texts(all) == ["{}", "{}", "{}"])
        #expect(all[0].parts[0].meta?["id"] == "1" && all[0].parts[0].meta?["name"] == "f")
        let some = try Self.edit(
            messages, #"[{"type":"remove_tool_call_params","params":{"keep_recent_n_tool_calls":0,"gt_token":50}}]"#
        )
        #expect(Self.texts(some) == ["{}", #"{"a":1}"#, #"{"a":1}"#])
    }

    @Test("drop the oldest until a limit is kept, calls together with their results")
    func tokenLimit() throws {
        let messages = [Self.user("one"), Self.call("1"), Self.user("two"), Self.result("1", "x"), Self.user("three")]
        func kept(_ tokens: Int) throws -> [UUID] {
            try Self.edit(messages, #"[{"type":"token_limit","params":{"limit_tokens":\#(tokens)}}]"#).map(\.message.id)
        }
        let ids = messages.map(\.message.id)
        let counts = messages.map { TokenEstimate.count($0.parts) }
        let total = counts.reduce(0, +)
        #expect(try kept(total) == ids)
        #expect(try kept(total - 1) == Array(ids[1...]))
        #expect(try kept(total - counts[0] - 1) == [ids[2], ids[4]])
        #expect(try kept(1) == [])
    }

    @Test("drop from the middle, and keep both ends as long as they can")
    func middleOut() throws {
        let messages = (0..<7).map { Self.user("message \($0)") }
        let ids = messages.map(\.message.id)
        let each = TokenEstimate.count(messages[0].parts)
        func kept(_ tokens: Int) throws -> [UUID] {
            try Self.edit(messages, #"[{"type":"middle_out","params":{"token_reduce_to":\#(tokens)}}]"#).map(
                \.message.id)
        }
        #expect(try kept(7 * each) == ids)
        #expect(try kept(6 * each) == [ids[0], ids[1], ids[2], ids[4], ids[5], ids[6]])
        #expect(try kept(2 * each) == [ids[0], ids[6]])
        #expect(try kept(each) == [ids[6]])
        let paired = [Self.user("a"), Self.call("1"), Self.user("b"), Self.result("1", "x"), Self.user("c")]
        let total = paired.map { TokenEstimate.count($0.parts) }.reduce(0, +)
        let out = try Self.edit(paired, #"[{"type":"middle_out","params":{"token_reduce_to":\#(total - 2)}}]"#)
        #expect(Self.texts(out) == ["a", #"{"a":1}"#, "x", "c"])
    }

    @Test("edit up to a pinned message, or all; and say up to which")
    func pin() throws {
        let strategies = try EditStrategy.list(
            json(#"[{"type":"remove_tool_result","params":{"keep_recent_n_tool_results":0}}]"#)
        )
        let pinned = EditStrategy.apply(strategies, to: Self.talk, pin: Self.talk[3].message.id)
        #expect(pinned.editedUpTo == Self.talk[3].message.id)
        #expect(Self.texts(pinned.messages).filter { !$0.hasPrefix("{") } == ["Done", "Done", "result 3", "result 4"])
        for pin in [nil, UUID()] {
            let all = EditStrategy.apply(strategies, to: Self.talk, pin: pin)
            #expect(
                all.editedUpTo == Self.talk[7].message.id && Self.texts(all.messages).filter { $0 == "Done" }.count == 4
            )
        }
        // Nothing is edited: what could be pinned is the last.
        #expect(
            EditStrategy.apply([], to: Self.talk, pin: Self.talk[0].message.id).editedUpTo == Self.talk[7].message.id)
        #expect(EditStrategy.apply(strategies, to: [], pin: nil).editedUpTo == nil)
    }

    @Test("take content away before they count what is left, in whatever order they are given")
    func order() throws {
        let messages = [Self.user("first"), Self.call("1"), Self.result("1", String(repeating: "long ", count: 200))]
        let out = try Self.edit(
            messages,
            #"""
            [{"type":"token_limit","params":{"limit_tokens":30}},
             {"type":"remove_tool_result","params":{"keep_recent_n_tool_results":0}}]
            """#
        )
        #expect(out.count == 3)
    }

    @Test(
        "are refused with what is wrong",
        arguments: [
            ("{}", EditStrategyError.malformed), ("[1]", .malformed), ("[{}]", .unknownType),
            (#"[{"type":"shorten"}]"#, .unknownType), (#"[{"type":1}]"#, .unknownType),
            (#"[{"type":"token_limit","params":[]}]"#, .invalid(parameter: "params", mustBe: "an object")),
            (#"[{"type":"token_limit"}]"#, .invalid(parameter: "limit_tokens", mustBe: "an integer from 1 on")),
            (
                #"[{"type":"middle_out","params":{"token_reduce_to":0}}]"#,
                .invalid(parameter: "token_reduce_to", mustBe: "an integer from 1 on")
            ),
            (
                #"[{"type":"middle_out","params":{"token_reduce_to":1.5}}]"#,
                .invalid(parameter: "token_reduce_to", mustBe: "an integer from 1 on")
            ),
            (
                #"[{"type":"middle_out","params":{"token_reduce_to":1e99}}]"#,
                .invalid(parameter: "token_reduce_to", mustBe: "an integer from 1 on")
            ),
            (
                #"[{"type":"remove_tool_result","params":{"keep_recent_n_tool_results":-1}}]"#,
                .invalid(parameter: "keep_recent_n_tool_results", mustBe: "an integer from 0 on")
            ),
            (
                #"[{"type":"remove_tool_result","params":{"tool_result_placeholder":1}}]"#,
                .invalid(parameter: "tool_result_placeholder", mustBe: "a string")
            ),
            (
                #"[{"type":"remove_tool_call_params","params":{"keep_tools":["a",1]}}]"#,
                .invalid(parameter: "keep_tools", mustBe: "an array of strings")
            ),
            (
                #"[{"type":"remove_tool_call_params","params":{"keep_tools":"a"}}]"#,
                .invalid(parameter: "keep_tools", mustBe: "an array of strings")
            ),
            (
                #"[{"type":"remove_tool_call_params","params":{"gt_token":"1"}}]"#,
                .invalid(parameter: "gt_token", mustBe: "an integer from 1 on")
            ),
        ]
    )
    func refused(text: String, error: EditStrategyError) throws {
        let list = try json(text)
        #expect(throws: error) { try EditStrategy.list(list) }
    }

    @Test("may be none")
    func none() throws {
        #expect(try EditStrategy.list(json("null")).isEmpty && EditStrategy.list(json("[]")).isEmpty)
    }
}
