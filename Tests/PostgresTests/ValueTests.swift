import Foundation
import Testing

@testable import Postgres

@Suite("Values on the wire")
struct ValueTests {
    private func roundTrip<T: PostgresDecodable & Equatable>(
        _ values: [T],
        as type: String,
        _ bind: (T) -> PostgresValue
    ) async throws {
        let binds = values.map(bind)
        try await withConnection { connection in
            for (value, bind) in zip(values, binds) {
                try await connection.expect("SELECT $1::\(type)", [bind], is: [value])
            }
        }
    }

    @Test("bool")
    func bool() async throws {
        try await self.roundTrip([true, false], as: "bool") { .bool($0) }
    }

    @Test("int4, extremes included")
    func int4() async throws {
        try await self.roundTrip([Int32.min, -1, 0, 1, .max], as: "int4") { .int4($0) }
    }

    @Test("int8, extremes included")
    func int8() async throws {
        try await self.roundTrip([Int64.min, -1, 0, 1, .max], as: "int8") { .int8($0) }
    }

    @Test("text: empty, quotes, all planes of Unicode, long")
    func text() async throws {
        let texts = [
            "", "'; DROP TABLE x; --", "Größe 学习 🧠\u{10FFFF}", "\u{1}\t\n", String(repeating: "é", count: 100_000),
        ]
        try await self.roundTrip(texts, as: "text") { .text($0) }
    }

    @Test("bytes: empty, zeros, all values")
    func bytes() async throws {
        try await self.roundTrip([[], [0], Array(0...255)], as: "bytea") { .bytes($0) }
        let array: [[UInt8]] = [[], [0], Array(0...255)]
        try await withConnection { connection in
            try await connection.expect("SELECT unnest($1::bytea[])", [.bytesArray(array)], is: array)
            try await connection.expect("SELECT cardinality($1::bytea[])", [.bytesArray([])], is: [0])
        }
    }

    @Test("uuid")
    func uuid() async throws {
        let known = try #require(UUID(uuidString: "00112233-4455-6677-8899-AABBCCDDEEFF"))
        try await self.roundTrip([known, UUID()], as: "uuid") { .uuid($0) }
        try await withConnection { connection in
            try await connection.expect(
                "SELECT $1::uuid::text", [.uuid(known)], is: ["00112233-4455-6677-8899-aabbccddeeff"])
        }
    }

    @Test("timestamps to the microsecond, before 1970, and infinite")
    func timestamps() async throws {
        let times = [0, 1, -1, 1_700_000_000_123_456, -62_135_596_800_000_000, Int64.max, .min]
        try await self.roundTrip(times.map(PostgresTimestamp.init(unixMicroseconds:)), as: "timestamptz") {
            .timestamp($0)
        }
        try await withConnection { connection in
            try await connection.expect(
                "SELECT '1970-01-02 00:00:00.000001Z'::timestamptz",
                is: [PostgresTimestamp(unixMicroseconds: 86_400_000_001)])
            try await connection.expect(
                "SELECT ($1::timestamptz = 'infinity')", [.timestamp(PostgresTimestamp(unixMicroseconds: .max))],
                is: [true])
        }
    }

    @Test("a timestamp the server cannot hold is the caller's fault")
    func timestampOutOfRange() async throws {
        // The first does not fit the wire format, the second not the server.
        for microseconds in [Int64.min + 1, -300_000_000_000_000_000] {
            let error = await postgresError {
                try await withConnection { connection in
                    let time = PostgresTimestamp(unixMicroseconds: microseconds)
                    try await connection.expect("SELECT $1::timestamptz", [.timestamp(time)], is: [time])
                }
            }
            #expect(error?.sqlState == .datetimeOverflow)
            #expect(error?.isInvalidInput == true)
        }
    }

    @Test("arrays, empty ones included")
    func arrays() async throws {
        try await self.roundTrip([[], [UUID(), UUID()]], as: "uuid[]") { .uuidArray($0) }
        try await self.roundTrip([[], [Int32.min, 0, .max]], as: "int4[]") { .int4Array($0) }
        try await self.roundTrip([[], [Int64.min, 0, .max]], as: "int8[]") { .int8Array($0) }
        try await self.roundTrip([[], ["", "a,b", "{\"NULL\"}", "学"]], as: "text[]") { .textArray($0) }
        try await withConnection { connection in
            try await connection.expect("SELECT ARRAY[1, NULL, 3]", is: [[Int?(1), nil, 3]])
            try await connection.expect("SELECT ARRAY['\\x01'::bytea, '\\x']", is: [[[UInt8(1)], []]])
            try await connection.expect("SELECT ARRAY[true, false]", is: [[true, false]])
        }
    }

    @Test("JSON goes in as jsonb; json and jsonb come out as text")
    func json() async throws {
        try await withConnection { connection in
            try await connection.expect("SELECT $1", [.json("{\"a\":  1}")], is: ["{\"a\": 1}"])
            try await connection.expect("SELECT '{\"a\":  1}'::json", is: ["{\"a\":  1}"])
        }
    }

    @Test("NULL of every type is nil, and a bind of nil is NULL")
    func nulls() async throws {
        try await withConnection { connection in
            try await connection.expect("SELECT $1::int8", [.null], is: [Int64?.none])
            try await connection.expect("SELECT $1::uuid", [.optional(UUID?.none) { .uuid($0) }], is: [UUID?.none])
            try await connection.expect("SELECT NULL::bytea", is: [[UInt8]?.none])
            try await connection.expect("SELECT NULL::text[]", is: [[String]?.none])
        }
    }

    @Test("integers widen, floats and the text family decode")
    func widening() async throws {
        try await withConnection { connection in
            let row = try await connection.perform { session in
                try session.query(
                    PostgresStatement(
                        "widening",
                        "SELECT 7::int2, 7::int2, 7::int4, 7::oid, 1.5::float4, 2.5::float8, 'a'::varchar, 'b'::char(1), 'c'::name"
                    )
                ) { row in
                    try row.decode(
                        Int32.self, Int64.self, Int.self, Int.self, Double.self, Double.self, String.self, String.self,
                        String.self
                    )
                }
            }
            #expect(row.count == 1)
            let first = try #require(row.first)
            #expect((first.0, first.1, first.2, first.3) == (7, 7, 7, 7))
            #expect((first.4, first.5, first.6, first.7, first.8) == (1.5, 2.5, "a", "b", "c"))
        }
    }

    @Test("a wrong type, a NULL, a wrong number of columns: an error that names the column and quotes nothing")
    func decodingErrors() async throws {
        try await withConnection { connection in
            let wrongType = await postgresError { _ = try await connection.values("SELECT 'secret'", as: Int.self) }
            #expect(wrongType?.code == .decoding)
            #expect(wrongType?.description.contains("column 1") == true)
            #expect(wrongType?.description.contains("secret") == false)
            let narrowing = await postgresError { _ = try await connection.values("SELECT 1::int8", as: Int32.self) }
            #expect(narrowing?.code == .decoding)
            let null = await postgresError { _ = try await connection.values("SELECT NULL::int8", as: Int64.self) }
            #expect(null?.code == .decoding)
            let count = await postgresError { _ = try await connection.values("SELECT 1, 2", as: Int32.self) }
            #expect(count?.code == .decoding)
            let array = await postgresError { _ = try await connection.values("SELECT 'x'", as: [String].self) }
            #expect(array?.code == .decoding)
            let matrix = await postgresError {
                _ = try await connection.values("SELECT '{{1},{2}}'::int[]", as: [Int].self)
            }
            #expect(matrix?.code == .decoding)
            // The connection is none the worse for it.
            try await connection.expect("SELECT 1", is: [Int32(1)])
        }
    }

    @Test(
        "a NUL character is refused, never cut off",
        arguments: [PostgresValue.text("a\0b"), .json("\"\0\""), .textArray(["\0"])])
    func nulCharacter(_ value: PostgresValue) async throws {
        try await withConnection { connection in
            let error = await postgresError {
                try await connection.perform { _ = try $0.execute(PostgresStatement("nul", "SELECT $1"), [value]) }
            }
            #expect(error?.sqlState == .characterNotInRepertoire)
            #expect(error?.isInvalidInput == true)
        }
    }
}
