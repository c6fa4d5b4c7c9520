import Foundation
import Postgres
import Testing

@testable import Outbox

@Suite("Event filter")
struct EventFilterTests {
    private static let id = "019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90"
    /// 2026-11-28T12:00:00Z
    private static let now = PostgresTimestamp(unixMicroseconds: 1_795_867_200_000_000)

    @Test(
        "a time is one of RFC 3339, a date, or how long ago",
        arguments: [
            ("2026-11-23T01:02:03Z", "2026-11-23T01:02:03Z"), ("2026-11-23T01:02:03.5+01:00", "2026-11-23T00:02:03.5Z"),
            ("2026-11-23", "2026-11-23T00:00:00Z"), ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("90s", "2026-11-28T11:58:30Z"), ("15m", "2026-11-28T11:45:00Z"), ("2h", "2026-11-28T10:00:00Z"),
            ("7d", "2026-11-21T12:00:00Z"),
        ]
    )
    func times(text: String, time: String) throws {
        var filter = EventFilter()
        try filter.set(.since, to: text, now: Self.now)
        #expect(filter.since.map { String(decoding: $0.rfc3339, as: UTF8.self) } == time)
    }

    @Test(
        "what makes no sense is refused with a line that names the field",
        arguments: [
            (.since, "yesterday"), (.since, ""), (.since, "2026-02-30"), (.since, "2026-11-23T25:00:00Z"),
            (.since, "2026-11-23T01:02:03"), (.until, "99999999d"), (.until, "-1h"), (.state, "deadd"), (.state, ""),
            (.state, "dead,"), (.id, "7"), (.id, "\(id),x"), (.task, "nobody"), (.error, ""), (.type, "a\0b"),
            (.exchange, String(repeating: "e", count: 1025)),
        ] as [(EventFilter.Field, String)]
    )
    func refused(field: EventFilter.Field, text: String) throws {
        var filter = EventFilter()
        let error = try #require(throws: EventFilterError.self) { try filter.set(field, to: text) }
        #expect(error.description.hasPrefix("\(field.rawValue): "))
        #expect(!error.description.contains("\n") && error.description.count < 200)
    }

    @Test("a range that ends before it begins, and too many ids, are refused")
    func contradictions() throws {
        #expect(throws: EventFilterError.self) { try EventFilter.fixture((.since, "1h"), (.until, "2h")) }
        let ids = Array(repeating: Self.id, count: EventFilter.maxIDs)
        var filter = try EventFilter.fixture((.id, ids.joined(separator: ",")))
        #expect(throws: EventFilterError.self) { try filter.set(.id, to: Self.id) }
    }

    @Test("it survives being written as JSON, and takes texts where it writes arrays")
    func json() throws {
        let filter = try EventFilter.fixture(
            (.state, "dead,delivered"), (.since, "2026-11-23"), (.until, "2026-11-24T00:00:00.25Z"),
            (.project, Self.id), (.session, Self.id), (.task, Self.id), (.type, "T"), (.exchange, ""),
            (.routingKey, "k"), (.error, "no"), (.id, Self.id)
        )
        let text = try OperatorJSON.text(filter)
        #expect(text.contains(#""routing_key":"k""#) && text.contains(#""state":["dead","delivered"]"#))
        #expect(try JSONDecoder().decode(EventFilter.self, from: Data(text.utf8)) == filter)
        let short = #"{"state": "dead,delivered", "id": "\#(Self.id)"}"#
        let read = try JSONDecoder().decode(EventFilter.self, from: Data(short.utf8))
        #expect(read.states == [.dead, .delivered] && read.ids.count == 1)
        #expect(try OperatorJSON.text(EventFilter()) == "{}")
    }

    @Test(
        "as JSON too it is refused when it makes no sense: a field that was misspelt would mean every event",
        arguments: ["[]", "7", #"{"stat": "dead"}"#, #"{"since": 7}"#, #"{"state": ["dead", 7]}"#, #"{"type": ["T"]}"#]
    )
    func refusedJSON(text: String) {
        #expect(throws: EventFilterError.self) { try JSONDecoder().decode(EventFilter.self, from: Data(text.utf8)) }
    }

    @Test("what is not delivered is found from its own table, and what is delivered by leaving out the rest")
    func source() throws {
        let dead = EventSelection(try .fixture((.state, "dead")), firstParameter: 1)
        #expect(dead.source.contains("skillrelay.outbox_dead") && !dead.source.contains("outbox_pending"))
        let failed = EventSelection(try .fixture((.error, "no"), (.state, "dead,delivered")), firstParameter: 1)
        #expect(failed.source.contains("skillrelay.outbox_dead") && !failed.condition.contains("EXISTS"))
        let delivered = EventSelection(try .fixture((.state, "delivered"), (.type, "T")), firstParameter: 3)
        #expect(delivered.source == "skillrelay.outbox AS o")
        #expect(delivered.condition.hasSuffix("AND o.type = $3") && delivered.parameters == [.text("T")])
        #expect(EventSelection(EventFilter(), firstParameter: 1).condition == "true")
        let none = EventSelection(try .fixture((.error, "no"), (.state, "delivered")), firstParameter: 1)
        #expect(none.source.contains("WHERE false"))
    }
}
