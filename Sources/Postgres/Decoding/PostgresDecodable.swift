/// What a column can be decoded to.
///
/// Built in: Bool, Int32, Int64, Int, Double, String (text, varchar, char, name, json, jsonb; not uuid), [UInt8] (bytea),
/// UUID, PostgresTimestamp (timestamptz), arrays of them, and Optional. Integers widen, never narrow; `numeric` is not
/// among them: cast it in the statement.
public protocol PostgresDecodable: Sendable {
    /// Reads one value.
    /// - Throws: `.decoding` when the column has another type, or a NULL meets a type that is not Optional.
    static func decode(from cell: borrowing PostgresCell) throws(PostgresError) -> Self

    /// Reads one value as an array of this type; `UInt8` is the one that differs, bytes being a type of their own.
    static func decodeArray(from cell: borrowing PostgresCell) throws(PostgresError) -> [Self]
}

extension PostgresDecodable {
    /// Reads a one-dimensional array.
    public static func decodeArray(from cell: borrowing PostgresCell) throws(PostgresError) -> [Self] {
        guard cell.type.isArray else { throw cell.mismatch([Self].self) }
        return try cell.elements(of: Self.self)
    }
}
