import JSON
import Testing

@testable import Tasks

@Suite("Messages that were stored")
struct RoundTripTests {
    private static let rounds = 400

    /// Draws messages of each format in the form in which they come back.
    private struct Drawer {
        var random: SeededGenerator

        mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &self.random)] }
        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self.random) < percent }

        mutating func text() -> String {
            let words = ["a", "é", "中文", "😀", "\"q\"", "\\", "\n", "{}", "null", "\u{1}", " ", "don't", "e\u{301}"]
            return (0...Int.random(in: 0..<6, using: &self.random)).map { _ in self.pick(words) }.joined()
        }

        mutating func id() -> String { "call_\(UInt32.random(in: 0 ... .max, using: &self.random))" }

        mutating func list<T>(_ most: Int, _ draw: (inout Drawer) -> T) -> [T] {
            (0..<Int.random(in: 1...most, using: &self.random)).map { _ in draw(&self) }
        }

        mutating func object(depth: Int = 2) -> JSONValue {
            .object(
                ["a", "b", "é"].filter { _ in self.chance(60) }.map { .init($0, self.value(depth: depth)) }
            )
        }

        mutating func value(depth: Int) -> JSONValue {
            switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &self.random) {
            case 0: .string(self.text())
            case 1: .number(self.pick(["0", "-1.50", "12345678901234567890", "1e3"]))
            case 2: .bool(self.chance(50))
            case 3: .null
            case 4: self.object(depth: depth - 1)
            default: .array([self.value(depth: depth - 1)])
            }
        }

        // MARK: Formats

        mutating func openai() -> JSONValue {
            let name: JSONValue? = self.chance(20) ? .string(self.text()) : nil
            switch Int.random(in: 0..<6, using: &self.random) {
            case 0: return JSONValue(members: ["role": "user", "content": .string(self.text()), "name": name])
            case 1:
                let parts =
                    [JSONValue.object([.init("type", "text"), .init("text", .string(self.text()))])]
                    + self.list(4) { $0.openaiPart() }
                return JSONValue(members: ["role": "user", "content": .array(parts), "name": name])
            case 2:
                let role: JSONValue = self.pick(["system", "developer"])
                return JSONValue(members: ["role": role, "content": .string(self.text()), "name": name])
            case 3:
                return ["role": "tool", "tool_call_id": .string(self.id()), "content": .string(self.text())]
            case 4:
                let texts = [self.text(), self.text()].map {
                    JSONValue(members: ["type": "text", "text": .string($0)])
                }
                return JSONValue(members: ["role": "assistant", "content": .array(texts), "name": name])
            default:
                let calls = self.list(3) { drawer -> JSONValue in
                    let function: JSONValue = [
                        "name": .string("f" + drawer.text()), "arguments": .string(drawer.object().text),
                    ]
                    return ["id": .string(drawer.id()), "type": "function", "function": function]
                }
                let content: JSONValue? = self.chance(50) ? .string(self.text()) : nil
                return JSONValue(members: [
                    "role": "assistant", "content": content, "tool_calls": .array(calls), "name": name,
                ])
            }
        }

        private mutating func openaiPart() -> JSONValue {
            switch Int.random(in: 0..<4, using: &self.random) {
            case 0: return ["type": "text", "text": .string(self.text())]
            case 1:
                let detail: JSONValue? = self.chance(50) ? "low" : nil
                let url = self.pick(["https://x/y", "data:image/png;base64,AAAA", "data:image/png;x=y;base64,AA"])
                return ["type": "image_url", "image_url": JSONValue(members: ["url": .string(url), "detail": detail])]
            case 2: return ["type": "input_audio", "input_audio": ["data": "AAAA", "format": "mp3"]]
            default:
                let id: JSONValue? = self.chance(50) ? "file-1" : nil
                let file = JSONValue(members: [
                    "file_id": id, "file_data": "JVBE", "filename": .string("n" + self.text()),
                ])
                return ["type": "file", "file": file]
            }
        }

        mutating func anthropic() -> JSONValue {
            let isUser = self.chance(50)
            let blocks = self.list(5) { isUser ? $0.userBlock() : $0.assistantBlock() }
            return ["role": isUser ? "user" : "assistant", "content": .array(blocks)]
        }

        private mutating func userBlock() -> JSONValue {
            let cache: JSONValue? = self.chance(20) ? ["type": "ephemeral"] : nil
            let base64: JSONValue = ["type": "base64", "media_type": "image/png", "data": "AAAA"]
            switch Int.random(in: 0..<4, using: &self.random) {
            case 0: return JSONValue(members: ["type": "text", "text": .string(self.text()), "cache_control": cache])
            case 1:
                let source = self.pick([
                    base64, ["type": "url", "url": "https://x"], ["type": "file", "file_id": "f"],
                ])
                return JSONValue(members: ["type": "image", "source": source, "cache_control": cache])
            case 2:
                let source = self.pick([base64, ["type": "text", "media_type": "text/plain", "data": "hello"]])
                return JSONValue(members: ["type": "document", "source": source, "cache_control": cache])
            default:
                return JSONValue(members: [
                    "type": "tool_result", "tool_use_id": .string(self.id()),
                    "content": [["type": "text", "text": .string(self.text())]], "is_error": .bool(self.chance(50)),
                    "cache_control": cache,
                ])
            }
        }

        private mutating func assistantBlock() -> JSONValue {
            switch Int.random(in: 0..<4, using: &self.random) {
            case 0: ["type": "text", "text": .string(self.text())]
            case 1: ["type": "thinking", "thinking": .string(self.text()), "signature": .string(self.text())]
            case 2: ["type": "redacted_thinking", "data": .string(self.text())]
            default: ["type": "tool_use", "id": .string(self.id()), "name": "f", "input": self.object()]
            }
        }

        mutating func gemini() -> JSONValue {
            let isUser = self.chance(50)
            let parts = self.list(5) { drawer -> JSONValue in
                let signature: JSONValue? = drawer.chance(30) ? "c2lnbg==" : nil
                switch Int.random(in: 0..<4, using: &drawer.random) {
                case 0:
                    return JSONValue(members: [
                        "text": .string(drawer.text()), "thought": drawer.chance(30) ? true : nil,
                        "thoughtSignature": signature,
                    ])
                case 1:
                    return [
                        "inlineData": ["mimeType": drawer.pick(["image/png", "audio/wav", "x/y"]), "data": "AAAA"]
                    ]
                case 2: return ["fileData": ["mimeType": "application/pdf", "fileUri": "gs://x"]]
                default:
                    let id = JSONValue.string(drawer.id())
                    if isUser {
                        return ["functionResponse": ["id": id, "name": "f", "response": drawer.object()]]
                    }
                    return JSONValue(members: [
                        "functionCall": ["id": id, "name": "f", "args": drawer.object()],
                        "thoughtSignature": signature,
                    ])
                }
            }
            return ["role": isUser ? "user" : "model", "parts": .array(parts)]
        }

        /// Of what every format has a word for.
        mutating func acontext() -> JSONValue {
            let isUser = self.chance(50)
            let parts = self.list(5) { drawer -> JSONValue in
                if drawer.chance(50) { return ["type": "text", "text": .string(drawer.text())] }
                if isUser {
                    return [
                        "type": "tool-result", "text": .string(drawer.text()),
                        "meta": ["tool_call_id": .string(drawer.id()), "name": "f"],
                    ]
                }
                return [
                    "type": "tool-call",
                    "meta": ["id": .string(drawer.id()), "name": "f", "arguments": .string(drawer.object().text)],
                ]
            }
            return ["role": isUser ? "user" : "assistant", "parts": .array(parts)]
        }

        mutating func message(_ format: MessageFormat) -> JSONValue {
            switch format {
            case .openai: self.openai()
            case .anthropic: self.anthropic()
            case .gemini: self.gemini()
            case .acontext: self.acontext()
            }
        }
    }

    @Test("come back in their own format as they were", arguments: [MessageFormat.openai, .anthropic, .gemini])
    func same(format: MessageFormat) throws {
        for seed in 0..<UInt64(Self.rounds) {
            var drawer = Drawer(random: SeededGenerator(seed: seed))
            let blob = drawer.message(format)
            #expect(try format.roundTrip([blob]).map(\.sorted) == [blob.sorted], "seed \(seed)")
        }
    }

    @Test("come back with the parts and the meta that they had in our own format")
    func acontext() throws {
        for seed in 0..<UInt64(Self.rounds) {
            var drawer = Drawer(random: SeededGenerator(seed: seed))
            let blob = drawer.acontext()
            let out = try MessageFormat.acontext.roundTrip([blob])
            #expect(out[0]["role"] == blob["role"] && out[0]["parts"]?.sorted == blob["parts"]?.sorted, "seed \(seed)")
        }
    }

    /// What matters of a message to an agent, whichever format it is in.
    private static func essence(_ message: NormalisedMessage, _ types: Set<String>) -> [String] {
        message.parts.filter { types.contains($0.type) && !($0.text?.isEmpty ?? ($0.type == "text")) }.map { part in
            switch part.type {
            case "tool-call": "call \(part.metaText("id")) \(part.metaText("name")) \(part.metaText("arguments"))"
            case "tool-result": "result \(part.metaText("tool_call_id"))"
            default: "text \(part.text ?? "")"
            }
        }
    }

    @Test(
        "keep texts, calls and results, in their order, in every other format",
        arguments: [MessageFormat.anthropic, .gemini])
    func others(format: MessageFormat) throws {
        for seed in 0..<UInt64(Self.rounds) {
            var drawer = Drawer(random: SeededGenerator(seed: seed))
            let stored = try MessageFormat.acontext.normalise(drawer.acontext())
            let again = try format.normalise(format.convert([ParsedMessage(stored)])[0])
            let types: Set = ["text", "tool-call", "tool-result"]
            #expect(Self.essence(again, types) == Self.essence(stored, types), "seed \(seed)")
        }
    }

    // A message has its texts before its calls there, and its results under one id.
    @Test("keep texts and calls in OpenAI's format")
    func toOpenAI() throws {
        for seed in 0..<UInt64(Self.rounds) {
            var drawer = Drawer(random: SeededGenerator(seed: seed))
            let stored = try MessageFormat.acontext.normalise(drawer.acontext())
            let again = try MessageFormat.openai.normalise(MessageFormat.openai.convert([ParsedMessage(stored)])[0])
            for type in ["text", "tool-call"] {
                #expect(Self.essence(again, [type]) == Self.essence(stored, [type]), "seed \(seed) \(type)")
            }
        }
    }

    @Test("convert from every format to every other without a loss of count or order")
    func everyPair() throws {
        for from in MessageFormat.allCases {
            var drawer = Drawer(random: SeededGenerator(seed: 7))
            let blobs = (0..<50).map { _ in drawer.message(from) }
            for to in MessageFormat.allCases {
                let out = try from.roundTrip(blobs, to: to)
                #expect(out.count == blobs.count, "\(from) to \(to)")
                for (blob, message) in zip(blobs, out) {
                    let isAnswer = ["assistant", "model"].contains(blob["role"]?.string ?? "")
                    #expect(
                        ["assistant", "model"].contains(message["role"]?.string ?? "") == isAnswer, "\(from) to \(to)")
                }
            }
        }
    }
}
