import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Postgres
import Tasks
import Testing

@testable import API

@Suite("What a request says outside its body")
struct InputTests {
    private static let id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

    @Test(
        "an id may be spelled as google/uuid reads it",
        arguments: [
            Self.id, Self.id.uppercased(), "{\(Self.id)}", "urn:uuid:\(Self.id)", "URN:UUID:\(Self.id.uppercased())",
            "3fa85f6457174562b3fc2c963f66afa6",
        ]
    )
    func spellings(text: String) {
        #expect(UUID(anySpelling: text)?.lowercased == Self.id)
    }

    @Test(
        "an id may not be spelled otherwise",
        arguments: [
            "", "1", "\(Self.id) ", "(\(Self.id))", "{\(Self.id)", "urn:uuid:{\(Self.id)}", "uuid:\(Self.id)",
            "\(Self.id.dropLast())g", "3fa85f64_5717_4562_b3fc_2c963f66afa6", "3fa85f645717-4562-b3fc-2c963f66afa6-",
            "éééééééééééééééé", "{3fa85f6457174562b3fc2c963f66afa6}",
        ]
    )
    func misspellings(text: String) {
        #expect(UUID(anySpelling: text) == nil)
    }

    @Test("a path's id may be percent-encoded")
    func path() {
        #expect(pathID("%7B\(Self.id)%7d")?.lowercased == Self.id)
        #expect(pathID("%zz") == nil)
        #expect(pathID("%00") == nil)
        #expect(pathID(nil) == nil)
    }

    @Test("of repeated keys the first counts, an empty value is none, and both sides are decoded")
    func query() throws {
        let query = QueryParameters("a=1&a=2&b=&%63=x%20y+z&d&=e&bad=%zz&&t=True&f=0&n=-7")
        #expect(query.string("a") == "1")
        #expect(query.string("b") == nil)
        #expect(query.string("c") == "x y z")
        #expect(query.string("d") == nil)
        #expect(query.string("bad") == nil)
        #expect(try query.bool("t") == true)
        #expect(try query.bool("f") == false)
        #expect(try query.integer("n") == -7)
        #expect(throws: RequestError.invalidParameter) { try query.bool("c") }
        #expect(throws: RequestError.invalidParameter) { try query.integer("t") }
        #expect(QueryParameters(nil).string("a") == nil)
    }

    @Test(
        "a page's limit is 1 to 200",
        arguments: [("", 20), ("limit=", 20), ("limit=1", 1), ("limit=200", 200), ("limit=0", nil), ("limit=201", nil)]
            + [("limit=-1", nil), ("limit=1.5", nil), ("limit=99999999999999999999", nil), ("limit=abc", nil)]
    )
    func limit(query: String, limit: Int?) {
        #expect((try? PageRequest(query: QueryParameters(query)))?.limit == limit)
    }

    @Test("a page's cursor is one that we made; one with the nil id is none")
    func cursor() throws {
        let vector = "MTc3MTgzMjU2NTEyMzQ1NjAwMHwzZmE4NWY2NC01NzE3LTQ1NjItYjNmYy0yYzk2M2Y2NmFmYTY"
        let page = try PageRequest(query: QueryParameters("cursor=\(vector)&time_desc=T"))
        #expect(page.cursor?.text == vector)
        #expect(page.cursor?.id.lowercased == Self.id)
        #expect(page.newestFirst)
        let zero = PageCursor(createdAt: page.cursor?.createdAt ?? .init(unixMicroseconds: 0), id: .nilUUID).text
        #expect(try PageRequest(query: QueryParameters("cursor=\(zero)")).cursor == nil)
        for text in ["x", "MQ", "MXwy", "fHx8", vector + "=", "%2B", "%00"] {
            #expect(throws: TasksError.invalidCursor) { try PageRequest(query: QueryParameters("cursor=\(text)")) }
        }
    }

    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private static func headers(parent: String?, state: String? = nil) -> [String: String] {
        var fields = HTTPFields()
        fields[.traceparent] = parent
        fields[.tracestate] = state
        let head = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: fields)
        return TraceContext.headers(of: Request(head: head, body: RequestBody(buffer: ByteBuffer())))
    }

    @Test("a trace context goes on as it came")
    func trace() {
        #expect(Self.headers(parent: Self.parent) == ["traceparent": Self.parent])
        #expect(
            Self.headers(parent: Self.parent, state: "a=1,b=2") == [
                "traceparent": Self.parent, "tracestate": "a=1,b=2",
            ]
        )
        let later = "01" + Self.parent.dropFirst(2) + "-more"
        #expect(Self.headers(parent: later) == ["traceparent": later])
    }

    @Test("a trace context that is none is left out")
    func noTrace() {
        for parent in [
            nil, "", "00", Self.parent.uppercased(), Self.parent + "-more", "ff" + Self.parent.dropFirst(2),
            "00-\(String(repeating: "0", count: 32))-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "01" + Self.parent.dropFirst(2) + "-" + String(repeating: "x", count: 250),
            "01" + Self.parent.dropFirst(2) + "-é",
        ] {
            #expect(Self.headers(parent: parent, state: "a=1").isEmpty, "\(parent ?? "none")")
        }
        for state in ["é=1", String(repeating: "x", count: 513)] {
            #expect(Self.headers(parent: Self.parent, state: state) == ["traceparent": Self.parent])
        }
    }
}
