import Foundation
import Hummingbird
import Postgres
import Tasks
import Testing

@testable import API

@Suite("JSON that goes out")
struct JSONWriterTests {
    private static func written(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(buffer: writer.buffer)
    }

    @Test("has its commas where they belong")
    func structure() {
        let text = Self.written { json in
            json.object { json in
                json.key("a")
                json.object { $0.member("x", 1) }
                json.key("b")
                json.array([1, 2]) { json, n in json.object { $0.member("n", n) } }
                json.key("c")
                json.array([Int]()) { _, _ in }
                json.member("d", true)
            }
        }
        #expect(text == #"{"a":{"x":1},"b":[{"n":1},{"n":2}],"c":[],"d":true}"#)
    }

    @Test("escapes what a string must not hold and nothing else")
    func strings() {
        let text = Self.written { json in json.object { $0.member("s", "a\"\\\u{0}\u{1F}\n/é😀") } }
        #expect(text == #"{"s":"a\"\\\u0000\u001f\u000a/é😀"}"#)
    }

    @Test("has ids in lowercase, null for none, and JSON text as it is")
    func values() throws {
        let id = try #require(UUID(uuidString: "3FA85F64-5717-4562-B3FC-2C963F66AFA6"))
        let text = Self.written { json in
            json.object { json in
                json.member("id", id)
                json.member("none", UUID?.none)
                json.member("raw", raw: #"{"n": 1.0}"#)
            }
        }
        #expect(text == #"{"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","none":null,"raw":{"n": 1.0}}"#)
    }

    @Test(
        "has times in UTC without trailing zeros",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_771_832_565_123_456, "2026-02-23T07:42:45.123456Z"),
            (1_771_832_565_120_000, "2026-02-23T07:42:45.12Z"), (1_771_832_565_000_001, "2026-02-23T07:42:45.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"), (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (951_868_799_900_000, "2000-02-29T23:59:59.9Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"), (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
        ]
    )
    func times(microseconds: Int64, text: String) {
        let time = PostgresTimestamp(unixMicroseconds: microseconds)
        #expect(String(decoding: time.rfc3339, as: UTF8.self) == text)
    }
}
