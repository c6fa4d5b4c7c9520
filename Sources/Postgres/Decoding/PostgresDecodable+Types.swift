public import FoundationEssentials

extension Bool: PostgresDecodable {
    /// From bool.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> Bool {
        guard cell.type == .bool else { throw cell.mismatch(Self.self) }
        return try cell.integer(UInt8.self) != 0
    }
}

extension Int32: PostgresDecodable {
    /// From int2 and int4.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> Int32 {
        switch cell.type {
        case .int2: Int32(try cell.integer(Int16.self))
        case .int4: try cell.integer(Int32.self)
        default: throw cell.mismatch(Self.self)
        }
    }
}

extension Int64: PostgresDecodable {
    /// From int2, int4, int8 and oid.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> Int64 {
        switch cell.type {
        case .int2: Int64(try cell.integer(Int16.self))
        case .int4: Int64(try cell.integer(Int32.self))
        case .int8: try cell.integer(Int64.self)
        case .oid: Int64(try cell.integer(UInt32.self))
        default: throw cell.mismatch(Self.self)
        }
    }
}

extension Int: PostgresDecodable {
    /// From int2, int4, int8 and oid.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> Int {
        Int(try Int64.decode(from: cell))
    }
}

extension Double: PostgresDecodable {
    /// From float4 and float8.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> Double {
        switch cell.type {
        case .float4: Double(Float(bitPattern: try cell.integer(UInt32.self)))
        case .float8: Double(bitPattern: try cell.integer(UInt64.self))
        default: throw cell.mismatch(Self.self)
        }
    }
}

extension String: PostgresDecodable {
    /// From text and its kin, json and jsonb; an enum is cast to text in the statement.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> String {
        switch cell.type {
        case .text, .varchar, .bpchar, .name, .char, .json, .unknown: try cell.string()
        // The first byte is the version of jsonb's binary form.
        case .jsonb: try cell.string(droppingFirst: 1)
        default: throw cell.mismatch(Self.self)
        }
    }
}

extension UUID: PostgresDecodable {
    /// From uuid.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> UUID {
        guard cell.type == .uuid else { throw cell.mismatch(Self.self) }
        let value = try cell.integer(UInt128.self)
        func byte(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: value >> (120 - 8 * index)) }
        return UUID(
            uuid: (
                byte(0), byte(1), byte(2), byte(3), byte(4), byte(5), byte(6), byte(7),
                byte(8), byte(9), byte(10), byte(11), byte(12), byte(13), byte(14), byte(15)
            )
        )
    }
}

extension PostgresTimestamp: PostgresDecodable {
    /// From timestamptz.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> PostgresTimestamp {
        guard cell.type == .timestamptz else { throw cell.mismatch(Self.self) }
        return PostgresTimestamp(wireValue: try cell.integer(Int64.self))
    }
}

extension Array: PostgresDecodable where Element: PostgresDecodable {
    /// From a one-dimensional array; `[UInt8]` from bytea.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> [Element] {
        try Element.decodeArray(from: cell)
    }
}

extension UInt8: PostgresDecodable {
    /// Only as `[UInt8]`: no column holds a lone byte.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> UInt8 {
        throw cell.mismatch(Self.self)
    }

    /// From bytea.
    public static func decodeArray(from cell: borrowing PostgresCell) throws(PostgresError) -> [UInt8] {
        guard cell.type == .bytea else { throw cell.mismatch([UInt8].self) }
        return try cell.copy()
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    /// NULL is `nil`.
    public static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> Wrapped? {
        cell.isNull ? nil : try Wrapped.decode(from: cell)
    }
}
