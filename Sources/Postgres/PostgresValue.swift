public import FoundationEssentials

/// A bound parameter. uuid, bytea, timestamps, integers, bool and their arrays travel in binary; text in text.
///
/// `.text` and `.null` carry no type, so the server infers it from the statement, as it does for a quoted literal; where
/// it cannot ("could not determine data type of parameter"), cast in the statement: `$1::text`.
public enum PostgresValue: Sendable, Hashable {
    /// NULL of the type the statement wants.
    case null
    /// bool
    case bool(Bool)
    /// int4
    case int4(Int32)
    /// int8
    case int8(Int64)
    /// Whatever the statement wants there; text, unless something else. A NUL character is refused (22021).
    case text(String)
    /// A JSON text, bound as jsonb.
    case json(String)
    /// bytea
    case bytes([UInt8])
    /// uuid
    case uuid(UUID)
    /// timestamptz
    case timestamp(PostgresTimestamp)
    /// uuid[]
    case uuidArray([UUID])
    /// int4[]
    case int4Array([Int32])
    /// int8[]
    case int8Array([Int64])
    /// text[]
    case textArray([String])
    /// bytea[]
    case bytesArray([[UInt8]])

    /// `nil` becomes `.null`.
    public static func optional<T>(_ value: T?, _ make: (T) -> PostgresValue) -> PostgresValue {
        value.map(make) ?? .null
    }
}
