public import FoundationEssentials

extension UUID {
    /// As PostgreSQL and Go print it: lowercase. Foundation's own spelling is uppercase, and some ten times slower.
    public var lowercased: String {
        let bytes = unsafe Swift.withUnsafeBytes(of: self.uuid) { unsafe Array($0) }
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(UInt8(ascii: "-")) }
            text.append(Self.digit(byte >> 4))
            text.append(Self.digit(byte & 0x0F))
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
