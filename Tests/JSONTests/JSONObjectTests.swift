import Testing

@testable import JSON

@Suite("A request's JSON object")
struct JSONObjectTests {
    private static func object(_ text: String) throws -> JSONObject {
        try JSONObject(Array(text.utf8), members: ["a", "b"])
    }

    @Test("counts the last of repeated keys, however they are escaped")
    func repeated() throws {
        #expect(try Self.object(#"{"a":1,"a":"x","\u0061":"y"}"#).string("a") == "y")
        #expect(try Self.object(#"{"a":"x","a":null}"#).string("a") == nil)
    }

    @Test("leaves out keys that nobody asked for, but not their mistakes")
    func unknown() throws {
        #expect(try Self.object(#"{"c":[{"a":"inner"}],"a":"outer","A":"other"}"#).string("a") == "outer")
        #expect(throws: JSONError.malformed) { try Self.object(#"{"c":01,"a":"x"}"#) }
        #expect(throws: JSONError.unstorableCharacter) { try Self.object(#"{"c":"\u0000"}"#) }
    }

    @Test("is one object and nothing after it; a bare null is an empty one")
    func whole() throws {
        #expect(try Self.object(" null ").string("a") == nil)
        for text in ["[]", "1", "\"a\"", "true"] {
            #expect(throws: JSONError.wrongType) { try Self.object(text) }
        }
        for text in ["{} {}", "{},", "{\"a\":1}]", "null null", "{,}", "{\"a\":1,}"] {
            #expect(throws: JSONError.malformed) { try Self.object(text) }
        }
        // A byte that is none of UTF-8's, and a surrogate encoded in it.
        for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] {
            #expect(throws: JSONError.invalidUTF8) { try JSONObject(bytes, members: []) }
        }
    }

    @Test("has members of the type asked for, or none")
    func types() throws {
        let object = try Self.object(#"{"a":"\u00e9\ud83d\ude00\n\/","b":false}"#)
        #expect(try object.string("a") == "é😀\n/")
        #expect(try object.bool("b") == false)
        #expect(throws: JSONError.wrongType) { try object.string("b") }
        #expect(throws: JSONError.wrongType) { try object.bool("a") }
        #expect(throws: JSONError.wrongType) { try object.strings("a") }
        #expect(throws: JSONError.wrongType) { try object.objectText("a") }
    }

    @Test("has arrays of strings only")
    func strings() throws {
        #expect(try Self.object(#"{"a":[ "x" , "\t" ],"b":[]}"#).strings("a") == ["x", "\t"])
        #expect(try Self.object(#"{"a":[]}"#).strings("a") == [])
        for text in [#"{"a":["x",1]}"#, #"{"a":[null]}"#, #"{"a":[["x"]]}"#, #"{"a":{}}"#] {
            #expect(throws: JSONError.wrongType) { try Self.object(text).strings("a") }
        }
    }

    @Test("hands documents on exactly as they were written")
    func verbatim() throws {
        let digits = String(repeating: "7", count: 10_000)
        for text in ["{}", #"{ "n" : 1.0, "n": 9007199254740993, "s": "\u00e9" }"#, "{\"n\":-\(digits).\(digits)}"] {
            #expect(try Self.object("{\"b\":1e9,\"a\":  \(text) }").objectText("a") == text)
        }
    }

    @Test("refuses documents that would grow without bounds when written out")
    func exponents() throws {
        #expect(try Self.object(#"{"a":{"n":[1e65536]}}"#).objectText("a") != nil)
        for text in [#"{"a":{"n":1e65537}}"#, #"{"a":{"n":[1e65536,1e-1]}}"#, #"{"a":{"n":1e99999999999999999999}}"#] {
            #expect(throws: JSONError.exponentTooLarge) { try Self.object(text).objectText("a") }
        }
    }
}
