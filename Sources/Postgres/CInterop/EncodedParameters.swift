/// Bound values in wire form: one buffer, and where in it each value lies.
struct EncodedParameters {
    private(set) var types: [PostgresType] = []
    private var formats: [Int32] = []
    private var lengths: [Int32] = []
    /// `nil` is NULL.
    private var offsets: [Int?] = []
    private var buffer: [UInt8] = []

    /// - Throws: `.server` with 22021 or 22008, what the server would say, for a value that cannot be sent.
    init(_ values: [PostgresValue]) throws(PostgresError) {
        for (index, value) in values.enumerated() {
            let start = self.buffer.count
            self.types.append(value.type)
            self.formats.append(value.isText ? 0 : 1)
            self.offsets.append(value == .null ? nil : start)
            try value.encode(into: &self.buffer, position: index + 1)
            self.lengths.append(Int32(clamping: self.buffer.count - start))
            // libpq takes a value in text form as a C string.
            if value.isText { self.buffer.append(0) }
        }
        // A zero-length value at the end needs an address too: a null pointer is NULL.
        self.buffer.append(0)
    }

    /// Lends the arrays libpq's send functions take.
    func withPointers<R>(
        _ body: (
            _ count: Int32, _ types: [UInt32], _ values: [UnsafePointer<CChar>?], _ lengths: [Int32],
            _ formats: [Int32]
        ) -> R
    ) -> R {
        unsafe self.buffer.withUnsafeBytes { bytes in
            let base = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
            let values = unsafe self.offsets.map { offset in
                unsafe offset.flatMap { offset in unsafe base.map { unsafe $0 + offset } }
            }
            return unsafe body(
                Int32(values.count), self.types.map(\.rawValue), values, self.lengths, self.formats
            )
        }
    }
}
