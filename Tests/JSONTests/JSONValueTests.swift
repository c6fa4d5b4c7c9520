import Testing

@testable import JSON

@Suite("A JSON value")
struct JSONValueTests {
    @Test(
        "comes out as it went in, without white space",
        arguments: [
            "null", "true", "[]", "{}", "1.0", "-0", "12345678901234567890", "1e2", #""a\"\\b\n\u0001é😀""#,
            #"{"z":1,"a":[{"b":null},"x",false]}"#,
        ]
    )
    func roundTrip(text: String) throws {
        #expect(try JSONValue(Array(text.utf8)).text == text)
        #expect(try JSONValue(Array(" \(text)\n".utf8)).text == text)
    }

    @Test("keeps the last of repeated keys, where the first stood")
    func repeated() throws {
        #expect(try JSONValue(Array(#"{"a":1,"b":2,"\u0061":{"c":3}}"#.utf8)).text == #"{"a":{"c":3},"b":2}"#)
    }

    @Test("is refused if the text is not JSON", arguments: ["", "{", "[1,]", "nul", "\"\u{1}\"", "{} {}"])
    func malformed(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(Array(text.utf8)) }
    }

    @Test("is refused if it is nested deeper than the scanner goes")
    func deep() {
        let text = String(repeating: "[", count: 101) + "0" + String(repeating: "]", count: 101)
        #expect(throws: JSONError.tooDeep) { try JSONValue(Array(text.utf8)) }
    }

    @Test("gives its members by key; null is none")
    func members() throws {
        let value = try JSONValue(Array(#"{"s":"x","n":null,"t":true,"l":[1]}"#.utf8))
        #expect(value["s"]?.string == "x")
        #expect(value["n"] == nil)
        #expect(value["t"]?.bool == true)
        #expect(value["l"]?.array == [.number("1")])
        #expect(value["l"]?["s"] == nil)
    }

    @Test("is refused if it has more values than memory is lent for; stored ones are read")
    func tooMany() throws {
        func list(_ count: Int) -> String { "[" + String(repeating: "0,", count: count - 2) + "0]" }
        #expect(try JSONValue(Array(list(JSONObject.maxValues).utf8)).array?.count == JSONObject.maxValues - 1)
        let more = list(JSONObject.maxValues + 1)
        #expect(throws: JSONError.tooManyValues) { try JSONValue(Array(more.utf8)) }
        #expect(throws: JSONError.tooManyValues) {
            try JSONObject(Array(#"{"a":\#(more)}"#.utf8), members: ["a"]).value("a")
        }
        #expect(try JSONValue(stored: more).array?.count == JSONObject.maxValues)
    }

    @Test("that is stored is read with the characters that PostgreSQL would not keep")
    func stored() throws {
        let text = #"["a\u0000b","\ud800","\ud83d\u0041","\ud83d\ude00"]"#
        #expect(try JSONValue(stored: text) == ["a\u{0}b", "\u{FFFD}", "\u{FFFD}A", "😀"])
        #expect(throws: JSONError.unstorableCharacter) { try JSONValue(Array(text.utf8)) }
        #expect(throws: JSONError.malformed) { try JSONValue(stored: "[") }
    }

    @Test("is made of the members that have a value")
    func present() {
        #expect(JSONValue(members: ["a": "x", "b": nil, "c": .null]).text == #"{"a":"x","c":null}"#)
    }

    @Test("is a member of a request's object")
    func member() throws {
        let object = try JSONObject(Array(#"{"a": [1, {"b":"\u00e9"}],"b":null}"#.utf8), members: ["a", "b"])
        #expect(try object.value("a")?.text == #"[1,{"b":"é"}]"#)
        #expect(try object.value("b") == nil)
        let grown = try JSONObject(Array(#"{"a":1e65537}"#.utf8), members: ["a"])
        #expect(throws: JSONError.exponentTooLarge) { try grown.value("a") }
    }
}
