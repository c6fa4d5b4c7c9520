public import FoundationEssentials

extension UUID {
    /// As PostgreSQL and Go print it: lowercase. Foundation's own spelling is uppercase, and some ten times slower.
    public var lowercased: String {
        unsafe Swift.withUnsafeBytes(of: self.uuid) { bytes in
            unsafe String(unsafeUninitializedCapacity: 36) { text in
                var end = 0
                for index in 0..<16 {
                    if index == 4 || index == 6 || index == 8 || index == 10 {
                        unsafe text[end] = UInt8(ascii: "-")
                        end += 1
                    }
                    unsafe text[end] = Self.digit(bytes[index] >> 4)
                    unsafe text[end + 1] = Self.digit(bytes[index] & 0x0F)
                    end += 2
                }
                return end
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
