import FoundationEssentials

extension PostgresValue {
    var type: PostgresType {
        switch self {
        case .null, .text: .unspecified
        case .bool: .bool
        case .int4: .int4
        case .int8: .int8
        case .json: .jsonb
        case .bytes: .bytea
        case .uuid: .uuid
        case .timestamp: .timestamptz
        case .uuidArray: .uuidArray
        case .int4Array: .int4Array
        case .int8Array: .int8Array
        case .textArray: .textArray
        case .bytesArray: .byteaArray
        }
    }

    /// Sent as text for the server to parse; all others are binary.
    var isText: Bool {
        switch self {
        case .text, .json: true
        default: false
        }
    }

    /// Appends the wire form. `position` is the bind's number, for errors.
    func encode(into buffer: inout [UInt8], position: Int) throws(PostgresError) {
        switch self {
        case .null: break
        case .bool(let value): buffer.append(value ? 1 : 0)
        case .int4(let value): buffer.append(bigEndian: value)
        case .int8(let value): buffer.append(bigEndian: value)
        case .text(let value), .json(let value):
            // libpq would cut the value here without a word.
            guard !value.utf8.contains(0) else {
                throw PostgresError(
                    .server,
                    sqlState: .characterNotInRepertoire,
                    reason: "the text for $\(position) holds a NUL character"
                )
            }
            buffer.append(contentsOf: value.utf8)
        case .bytes(let value): buffer.append(contentsOf: value)
        case .uuid(let value): buffer.append(value)
        case .timestamp(let value):
            guard let wire = value.wireValue else {
                throw PostgresError(
                    .server,
                    sqlState: .datetimeOverflow,
                    reason: "the time for $\(position) is out of range"
                )
            }
            buffer.append(bigEndian: wire)
        case .uuidArray(let values): buffer.append(array: values, of: .uuid) { $0.append($1) }
        case .int4Array(let values): buffer.append(array: values, of: .int4) { $0.append(bigEndian: $1) }
        case .int8Array(let values): buffer.append(array: values, of: .int8) { $0.append(bigEndian: $1) }
        case .textArray(let values): buffer.append(array: values, of: .text) { $0.append(contentsOf: $1.utf8) }
        case .bytesArray(let values): buffer.append(array: values, of: .bytea) { $0.append(contentsOf: $1) }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append<I: FixedWidthInteger>(bigEndian value: I) {
        for shift in stride(from: I.bitWidth - 8, through: 0, by: -8) {
            self.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    fileprivate mutating func append(_ value: UUID) {
        unsafe Swift.withUnsafeBytes(of: value.uuid) { bytes in unsafe self.append(contentsOf: bytes) }
    }

    /// One dimension, no NULLs: the layout `array_recv` reads.
    fileprivate mutating func append<T>(
        array values: [T],
        of type: PostgresType,
        element: (inout [UInt8], T) -> Void
    ) {
        self.append(bigEndian: Int32(values.isEmpty ? 0 : 1))
        self.append(bigEndian: Int32(0))
        self.append(bigEndian: type.rawValue)
        guard !values.isEmpty else { return }
        self.append(bigEndian: Int32(clamping: values.count))
        self.append(bigEndian: Int32(1))
        for value in values {
            let lengthAt = self.count
            self.append(bigEndian: Int32(0))
            element(&self, value)
            let length = Int32(clamping: self.count - lengthAt - 4)
            for place in 0..<4 { self[lengthAt + place] = UInt8(truncatingIfNeeded: length >> (24 - 8 * place)) }
        }
    }
}
