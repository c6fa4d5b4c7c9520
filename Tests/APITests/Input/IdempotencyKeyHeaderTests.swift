import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import API

@Suite("The header Idempotency-Key")
struct IdempotencyKeyHeaderTests {
    private static func headers(_ values: [String]) -> HTTPFields {
        HTTPFields(values.map { HTTPField(name: .idempotencyKey, value: $0) })
    }

    @Test(
        "is a string of RFC 8941 or a bare text, which mean the same",
        arguments: [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (#""8e03978e-40d5-43dd-bc93-6894a57f9324""#, "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("a", "a"), (#""a""#, "a"), (#""a\"b\\c""#, #"a"b\c"#), (#"a"b\c"#, #"a"b\c"#), ("!~", "!~"),
            (String(repeating: "k", count: 255), String(repeating: "k", count: 255)),
        ]
    )
    func valid(value: String, key: String) throws {
        #expect(try IdempotencyKeyHeader.key(in: Self.headers([value])) == key)
    }

    @Test("may be absent")
    func absent() throws {
        #expect(try IdempotencyKeyHeader.key(in: [:]) == nil)
    }

    @Test(
        "is refused when it is anything else",
        arguments: [
            [""], [#""""#], [#"""#], [#""a"#], [#""a"b"#], [#""a";v=1"#], [#""a\b""#], [#""a\"#], ["a b"],
            [#""a b""#], ["a, b"], ["é"], [#""é""#], ["a\u{7F}b"], [String(repeating: "k", count: 256)],
            ["\"\(String(repeating: "k", count: 256))\""], ["a", "b"], ["a", "a"],
        ]
    )
    func invalid(values: [String]) {
        #expect(throws: RequestError.invalidIdempotencyKey) {
            try IdempotencyKeyHeader.key(in: Self.headers(values))
        }
    }

    @Test("tells requests apart by method, path, query and body, wherever one ends and the next begins")
    func fingerprint() {
        func print(_ method: HTTPRequest.Method, _ path: String, _ body: String) -> [UInt8] {
            let head = HTTPRequest(method: method, scheme: "http", authority: "x", path: path)
            let request = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
            return IdempotencyKeyHeader.fingerprint(of: request, body: Array(body.utf8))
        }
        let prints = [
            print(.post, "/a", ""), print(.patch, "/a", ""), print(.post, "/a?b", ""), print(.post, "/a?c", ""),
            print(.post, "/a", "b"), print(.post, "/ab", ""), print(.post, "/a", "\n"),
        ]
        #expect(Set(prints).count == prints.count && prints.allSatisfy { $0.count == 32 })
        #expect(print(.post, "/a", "b") == prints[4])
    }
}
