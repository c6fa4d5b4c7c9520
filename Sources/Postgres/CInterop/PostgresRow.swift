import CLibPQ

/// One row of a result, valid inside the decode closure only.
@safe
public struct PostgresRow: ~Copyable {
    private let result: OpaquePointer
    private let index: Int32

    /// Borrows row `index`; `result` must outlive it.
    init(result: OpaquePointer, index: Int32) {
        unsafe self.result = result
        self.index = index
    }

    /// Decodes all columns in order.
    ///
    /// - Throws: `.decoding` when count or type differ or a NULL meets a non-optional.
    public func decode<each T: PostgresDecodable>(
        _ types: repeat (each T).Type
    ) throws(PostgresError) -> (repeat each T) {
        var wanted = 0
        for _ in repeat (each T).self { wanted += 1 }
        let present = Int(unsafe PQnfields(self.result))
        guard wanted == present else {
            throw PostgresError(.decoding, reason: "the row has \(present) columns, not \(wanted)")
        }
        var column: Int32 = 0
        return (repeat try self.next(each types, &column))
    }

    /// Decodes the only column.
    ///
    /// - Throws: as for several.
    public func decode<T: PostgresDecodable>(_ type: T.Type) throws(PostgresError) -> T {
        let present = Int(unsafe PQnfields(self.result))
        guard present == 1 else {
            throw PostgresError(.decoding, reason: "the row has \(present) columns, not 1")
        }
        return try T.decode(from: self.cell(0))
    }

    private func next<T: PostgresDecodable>(_ type: T.Type, _ column: inout Int32) throws(PostgresError) -> T {
        defer { column += 1 }
        return try T.decode(from: self.cell(column))
    }

    private func cell(_ column: Int32) -> PostgresCell {
        let type = PostgresType(rawValue: unsafe PQftype(self.result, column))
        guard unsafe PQgetisnull(self.result, self.index, column) == 0 else {
            return unsafe PostgresCell(type: type, column: Int(column) + 1, content: nil)
        }
        let content = unsafe UnsafeRawBufferPointer(
            start: PQgetvalue(self.result, self.index, column),
            count: Int(PQgetlength(self.result, self.index, column))
        )
        return unsafe PostgresCell(type: type, column: Int(column) + 1, content: content)
    }
}
