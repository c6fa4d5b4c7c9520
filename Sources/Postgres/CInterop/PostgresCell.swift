/// One value in binary form, borrowed from its row: what ``PostgresDecodable`` reads.
///
/// A type of your own decodes one of the built-in ones from it and converts.
@safe
public struct PostgresCell: ~Copyable {
    let type: PostgresType
    /// Counted from 1, for errors.
    let column: Int
    private let content: UnsafeRawBufferPointer?

    /// Borrows `content`, which must outlive the cell; `nil` is NULL.
    init(type: PostgresType, column: Int, content: UnsafeRawBufferPointer?) {
        self.type = type
        self.column = column
        unsafe self.content = content
    }

    /// Whether the value is NULL.
    public var isNull: Bool { unsafe self.content == nil }

    /// The whole value as one big-endian integer of exactly this width.
    func integer<I: FixedWidthInteger>(_: I.Type) throws(PostgresError) -> I {
        let content = unsafe try self.bytes(as: I.self)
        guard content.count == MemoryLayout<I>.size else { throw self.mismatch(I.self) }
        return unsafe I(bigEndian: content.loadUnaligned(as: I.self))
    }

    /// The value as UTF-8 (the connection's encoding), without its first `prefix` bytes.
    func string(droppingFirst prefix: Int = 0) throws(PostgresError) -> String {
        let content = unsafe try self.bytes(as: String.self)
        return unsafe String(decoding: content.dropFirst(prefix), as: UTF8.self)
    }

    /// A copy of the value.
    func copy() throws(PostgresError) -> [UInt8] {
        unsafe Array(try self.bytes(as: [UInt8].self))
    }

    /// The elements of a one-dimensional array (`array_send` in the server's sources gives the layout).
    func elements<T: PostgresDecodable>(of _: T.Type) throws(PostgresError) -> [T] {
        let content = unsafe try self.bytes(as: [T].self)
        // Dimensions, has-null flag, element type; then for the one dimension its length and lower bound.
        guard let dimensions = unsafe Self.word(content, at: 0), let type = unsafe Self.word(content, at: 8) else {
            throw self.mismatch([T].self)
        }
        guard dimensions > 0 else { return [] }
        guard dimensions == 1, let count = unsafe Self.word(content, at: 12), count >= 0 else {
            throw self.mismatch([T].self)
        }
        let elementType = PostgresType(rawValue: UInt32(bitPattern: type))
        var values: [T] = []
        var offset = 20
        for _ in 0..<count {
            guard let length = unsafe Self.word(content, at: offset) else { throw self.mismatch([T].self) }
            offset += 4
            let end = offset + Int(max(length, 0))
            guard end <= content.count else { throw self.mismatch([T].self) }
            let element = unsafe UnsafeRawBufferPointer(rebasing: content[offset..<end])
            let cell = unsafe PostgresCell(
                type: elementType,
                column: self.column,
                content: length < 0 ? nil : element
            )
            values.append(try T.decode(from: cell))
            offset = end
        }
        return values
    }

    /// The error for a value that is not a `T`; quotes nothing of it.
    func mismatch<T>(_: T.Type) -> PostgresError {
        PostgresError(
            .decoding,
            reason: self.isNull
                ? "column \(self.column) is NULL, not \(T.self)"
                : "column \(self.column) is \(self.type), not \(T.self)"
        )
    }

    private func bytes<T>(as _: T.Type) throws(PostgresError) -> UnsafeRawBufferPointer {
        guard let content = unsafe self.content else { throw self.mismatch(T.self) }
        return unsafe content
    }

    private static func word(_ content: UnsafeRawBufferPointer, at offset: Int) -> Int32? {
        guard offset + 4 <= content.count else { return nil }
        return unsafe Int32(bigEndian: content.loadUnaligned(fromByteOffset: offset, as: Int32.self))
    }
}
