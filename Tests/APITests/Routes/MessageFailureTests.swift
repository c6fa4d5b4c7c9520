import Foundation
import JSON
import Support
import Tasks
import Testing

@testable import API

@Suite("Messages that are none (PostgreSQL)")
struct MessageFailureTests {
    @Test("are refused in upstream's words and order, and nothing is changed")
    func refused() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let path = "/api/v1/session/\(session)/messages"
            let before = try await api.footprint()
            let blob = #""blob":{"role":"user","content":"x"}"#
            let large = #""meta":{"a":"\#(String(repeating: "x", count: 65_529))"}"#
            for (body, message) in [
                (nil, "parameter error"), ("", "parameter error"), ("[]", "parameter error"), ("{}", "parameter error"),
                (#"{"blob":null}"#, "parameter error"), (#"{"format":"xml",\#(blob)}"#, "parameter error"),
                (#"{"format":7,\#(blob)}"#, "parameter error"), (#"{"meta":[],\#(blob)}"#, "parameter error"),
                (#"{"meta":"x",\#(blob)}"#, "parameter error"), (#"{\#(blob)"#, "parameter error"),
                (#"{\#(large),\#(blob)}"#, "meta size exceeds 64KB limit"),
                // The meta before the message, the message before its parts, all before the session's id.
                (#"{\#(large),"blob":7}"#, "meta size exceeds 64KB limit"),
                (#"{"blob":7}"#, "failed to normalize openai message"),
                (#"{"blob":{"role":"wizard"}}"#, "failed to normalize openai message"),
                (
                    #"{"format":"acontext","blob":{"role":"user","parts":[{"type":"x"}]}}"#,
                    "failed to normalize acontext message"
                ),
                (#"{"format":"anthropic","blob":{}}"#, "failed to normalize anthropic message"),
                (#"{"format":"gemini","blob":{"role":"assistant"}}"#, "failed to normalize gemini message"),
                (#"{"format":"acontext","blob":{"role":"user"}}"#, "parameter error"),
                (#"{"format":"","blob":{"role":"assistant","content":""}}"#, "parameter error"),
                (#"{"format":"anthropic","blob":{"role":"user","content":[{"type":"new"}]}}"#, "parameter error"),
                (
                    #"{"format":"acontext","blob":{"role":"user","parts":[{"type":"file","file_field":"f\""}]}}"#,
                    #"missing file f""#
                ),
            ] as [(String?, String)] {
                try expect(
                    try await api.client.send("POST", path, body: body), 400, message, "\(body?.prefix(80) ?? "none")")
                if message != #"missing file f""# {
                    try expect(
                        try await api.client.send("POST", "/api/v1/session/x/messages", body: body), 400, message
                    )
                }
            }
            try expect(
                try await api.client.send("POST", "/api/v1/session/x/messages", body: "{\(blob)}"), 400,
                "parameter error"
            )
            // Without a content type, a form that has none of the fields.
            for type in ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
                let answer = try await api.client.send("POST", path, headers: ["content-type": type], body: "{\(blob)}")
                try expect(answer, 400, "parameter error", type)
            }
            #expect(try await api.footprint() == before)
        }
    }

    @Test("lists and metas are refused in upstream's words")
    func others() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let path = "/api/v1/session/\(session)/messages"
            for query in [
                "limit=-1", "limit=201", "limit=x", "format=xml", "format=OpenAI", "time_desc=2",
                "with_asset_public_url=x",
            ] {
                try expect(try await api.client.send("GET", "\(path)?\(query)"), 400, "parameter error", query)
            }
            try expect(try await api.client.send("GET", "\(path)?limit=1&cursor=x"), 400, code: 500, "database error")
            for (strategies, message) in [
                ("x", "invalid edit_strategies JSON"), ("7", "invalid edit_strategies JSON"),
                ("[7]", "invalid edit_strategies JSON"),
                (
                    "[{}]",
                    "invalid edit_strategies: type must be one of: remove_tool_result, remove_tool_call_params, middle_out, token_limit"
                ),
                (
                    #"[{"type":"token_limit"}]"#,
                    "invalid edit_strategies: limit_tokens must be an integer from 1 on"
                ),
            ] {
                let encoded = try #require(strategies.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
                try expect(
                    try await api.client.send("GET", "\(path)?edit_strategies=\(encoded)"), 400, message, strategies)
            }
            for route in ["messages", "token_counts", "observing_status"] {
                try expect(
                    try await api.client.send("GET", "/api/v1/session/x/\(route)"), 400, "parameter error", route)
            }

            let meta = "\(path)/\(UUID())/meta"
            for body in [nil, "", "{}", "[]", #"{"meta":null}"#, #"{"meta":[]}"#, #"{"meta":"x"}"#] {
                try expect(try await api.client.send("PATCH", meta, body: body), 400, "parameter error", body ?? "none")
            }
            try expect(
                try await api.client.send(
                    "PATCH", meta, body: #"{"meta":{"a":"\#(String(repeating: "x", count: 65_536))"}}"#
                ), 400, "meta size exceeds 64KB limit"
            )
            let good = #"{"meta":{"a":1}}"#
            try expect(
                try await api.client.send("PATCH", "/api/v1/session/x/messages/y/meta", body: good), 400,
                "invalid session_id")
            try expect(try await api.client.send("PATCH", "\(path)/y/meta", body: good), 400, "invalid message_id")
            try expect(
                try await api.client.send("PATCH", meta, headers: ["content-type": "text/plain"], body: good), 400,
                "parameter error"
            )
        }
    }

    @Test("in a form need their payload, and each part's file")
    func forms() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let path = "/api/v1/session/\(session)/messages"
            let header = "content-disposition: form-data; name="
            let plain =
                #"{"format":"acontext","blob":{"role":"user","parts":[{"type":"text","text":"x"}]},"meta":{"a":1}}"#
            let stored = try await api.client.sendForm(path, [(header + "payload", plain)]).json(status: 201)
            #expect(stored["parts"] == [["type": "text", "text": "x"]] && stored["meta"] == ["a": .number("1")])
            let before = try await api.footprint()
            let withFile = #"{"format":"acontext","blob":{"role":"user","parts":[{"type":"file","file_field":"f"}]}}"#
            let files = Array(repeating: #"{"type":"file","file_field":"f"}"#, count: 101).joined(separator: ",")
            let many = #"{"format":"acontext","blob":{"role":"user","parts":[\#(files)]}}"#
            for (parts, message) in [
                ([], "parameter error"), ([(header + "other", plain)], "parameter error"),
                // A file is no field.
                ([(header + "payload; filename=x", plain)], "parameter error"),
                ([(header + "payload", "{")], "parameter error"), ([(header + "payload", "{}")], "parameter error"),
                ([(header + "payload", withFile)], "missing file f"),
                ([(header + "payload", withFile), (header + "f", "no file")], "missing file f"),
                ([(header + "payload", withFile), (header + "g; filename=x", "y")], "missing file f"),
                // One file for more parts than a form has fields.
                ([(header + "payload", many), (header + "f; filename=x", "y")], "parameter error"),
            ] as [([(String, String)], String)] {
                try expect(try await api.client.sendForm(path, parts), 400, message, "\(parts)")
            }
            #expect(try await api.footprint() == before)
        }
    }

    @Test("and whatever else is sent is no fault of ours", .timeLimit(.minutes(5)), arguments: MessageFormat.allCases)
    func fuzz(format: MessageFormat) async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            var random = MessageMutator(seed: 4711)
            try await api.client.withConnection { connection in
                for round in 0..<400 {
                    let blob = random.mutated(of: format)
                    let answer = try await connection.send(
                        "POST", "/api/v1/session/\(session)/messages",
                        body: #"{"format":"\#(format.rawValue)","blob":\#(blob)}"#
                    )
                    let note = Comment(rawValue: "round \(round): \(blob.prefix(400)): \(answer.text.prefix(200))")
                    #expect(answer.status == 201 || answer.status == 400, note)
                    #expect(throws: Never.self, note) { try answer.decode(EnvelopeBody.self) }
                }
                // Whatever was taken can be read.
                for out in MessageFormat.allCases {
                    let answer = try await connection.send(
                        "GET", "/api/v1/session/\(session)/messages?format=\(out.rawValue)")
                    let page = try answer.json()
                    #expect(page["items"]?.array?.count == page["ids"]?.array?.count)
                }
            }
        }
    }
}

/// Makes messages that are nearly right.
private struct MessageMutator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    private mutating func next(_ bound: Int) -> Int {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(self.state >> 33) % bound
    }

    private static let values: [String] = [
        "null", "true", "0", "-1e400", #""""#, #""x""#, #""user""#, #""\u0000""#, #""\ud800""#, "[]", "[[]]", "{}",
        #"{"type":"text"}"#,
        #"{"a":{"b":[1,2,{"c":null}]}}"#, #""data:image/png;base64,!!""#, #""😀é\n""#,
        String(repeating: "9", count: 400),
        "[\(Array(repeating: #"{"type":"text","text":"x"}"#, count: 50).joined(separator: ","))]",
    ]

    private static func seeds(_ format: MessageFormat) -> [String] {
        switch format {
        case .acontext:
            [
                #"{"role":"user","parts":[{"type":"text","text":"a","meta":{"k":1}},{"type":"image","file_field":"","meta":{"url":"u"}}],"meta":{"name":"n","__user_meta__":{"a":1},"__gemini_call_info__":[{"id":"1","name":"f"}]}}"#,
                #"{"role":"assistant","parts":[{"type":"tool-call","meta":{"id":"1","name":"f","arguments":{"a":1}}},{"type":"tool-result","text":"x","meta":{"tool_call_id":"1"}},{"type":"data","meta":{"data_type":"d"}}]}"#,
            ]
        case .openai:
            [
                #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u","detail":"low"}},{"type":"input_audio","input_audio":{"data":"A","format":"wav"}},{"type":"file","file":{"file_id":"1"}}],"name":"n"}"#,
                #"{"role":"assistant","content":"x","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}],"function_call":{"name":"f","arguments":"{}"},"refusal":"no"}"#,
                #"{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"x"}]}"#,
                #"{"role":"system","content":"x"}"#, #"{"role":"function","name":"f","content":null}"#,
            ]
        case .anthropic:
            [
                #"{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"A"}},{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"x"}],"is_error":true}]}"#,
                #"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"1","name":"f","input":{"a":1}}]}"#,
            ]
        case .gemini:
            [
                #"{"role":"model","parts":[{"text":"a","thought":true,"thoughtSignature":"s"},{"functionCall":{"id":"1","name":"f","args":{"a":1}}}]}"#,
                #"{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"A"}},{"fileData":{"fileUri":"u"}},{"functionResponse":{"id":"1","name":"f","response":{"a":1}}}]}"#,
            ]
        }
    }

    /// A message of the format with one or two of its values changed for another; sometimes with a byte more or less.
    mutating func mutated(of format: MessageFormat) -> String {
        let seeds = Self.seeds(format)
        guard var value = try? JSONValue(Array(seeds[self.next(seeds.count)].utf8)) else { return "{}" }
        for _ in 0...self.next(2) { value = self.mutated(value) }
        var text = value.text
        if self.next(10) == 0, !text.isEmpty {
            let index = text.index(text.startIndex, offsetBy: self.next(text.count))
            if self.next(2) == 0 {
                text.remove(at: index)
            } else {
                text.insert(["\"", "{", "]", ",", "\u{0}"][self.next(5)], at: index)
            }
        }
        // Placed last, because these are no values to mutate.
        return self.next(20) == 0 ? text.replacing("\"a\"", with: Self.values[self.next(Self.values.count)]) : text
    }

    private mutating func mutated(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members) where !members.isEmpty && self.next(4) > 0:
            let index = self.next(members.count)
            var members = members
            switch self.next(5) {
            case 0: members.remove(at: index)
            case 1: members.append(.init("x", self.mutated(members[index].value)))
            default: members[index] = .init(members[index].key, self.mutated(members[index].value))
            }
            return .object(members)
        case .array(let values) where !values.isEmpty && self.next(4) > 0:
            var values = values
            let index = self.next(values.count)
            values[index] = self.mutated(values[index])
            return .array(values)
        default:
            return (try? JSONValue(stored: Self.values[self.next(Self.values.count)])) ?? .null
        }
    }
}
