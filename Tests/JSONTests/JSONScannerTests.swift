import Testing

@testable import JSON

@Suite("Any JSON text")
struct JSONScannerTests {
    private static func kind(of text: String) throws(JSONError) -> JSONKind {
        var scanner = JSONScanner(Array(text.utf8))
        let kind = try scanner.value()
        guard scanner.peek() == nil else { throw .malformed }
        return kind
    }

    @Test(
        "is taken in every form that RFC 8259 has",
        arguments: [
            ("null", .null), ("true", .bool), (" false\r\n", .bool), ("\"\"", .string), ("[]", .array), ("{}", .object),
            ("0", .number), ("-0", .number), ("-0.5e+10", .number), ("1E-3", .number), ("10.25", .number),
            ("[1, [2, {\"a\" : [ ] }], \"]\"]", .array), ("{\"a\":{\"b\":[{}]},\"\":null}", .object),
            (#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#, .string), ("\"é😀\u{7F}\"", .string),
        ] as [(String, JSONKind)]
    )
    func valid(text: String, kind: JSONKind) throws {
        #expect(try Self.kind(of: text) == kind)
    }

    @Test(
        "is refused in every other",
        arguments: [
            "", " ", "nul", "True", "01", "-", "1.", ".5", "1e", "1e+", "+1", "0x10", "NaN", "Infinity", "1 2", "\"",
            "\"\\",
            "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "\"\u{0}\"", "'a'", "[", "[1", "[1,", "[1,]", "[,1]",
            "[1}",
            "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1]",
            "]", "}",
            "{}x", "// c", "[1]/**/", "\u{FEFF}{}",
        ]
    )
    func invalid(text: String) {
        #expect(throws: JSONError.malformed) { try Self.kind(of: text) }
    }

    @Test(
        "with a string that no PostgreSQL text can hold is refused",
        arguments: [#""\u0000""#, #""\uD800""#, #""\uDC00""#, #""\uD83Dx""#, #""\uD83D\u0041""#, #"["\uDE00\uD83D"]"#]
    )
    func unstorable(text: String) {
        #expect(throws: JSONError.unstorableCharacter) { try Self.kind(of: text) }
    }

    @Test("may nest to the limit and no deeper, whatever it nests", arguments: [("[", "]"), ("{\"a\":", "}")])
    func depth(open: String, close: String) throws {
        func nested(_ depth: Int) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        _ = try Self.kind(of: nested(JSONScanner.maxDepth))
        #expect(throws: JSONError.tooDeep) { try Self.kind(of: nested(JSONScanner.maxDepth + 1)) }
        #expect(throws: JSONError.tooDeep) { try Self.kind(of: String(repeating: open, count: 200_000)) }
    }
}
