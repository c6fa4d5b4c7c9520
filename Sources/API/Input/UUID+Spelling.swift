import Foundation
import JSON

extension UUID {
    /// Reads the spellings that upstream takes, in any case: 36 characters, the same in braces or after `urn:uuid:`,
    /// or 32 hexadecimal digits (contract.md §2.0).
    init?(anySpelling text: some StringProtocol) {
        var characters = Array(text.utf8)[...]
        switch characters.count {
        case 36, 32: break
        case 38 where characters.first == UInt8(ascii: "{") && characters.last == UInt8(ascii: "}"):
            characters = characters.dropFirst().dropLast()
        case 45 where String(decoding: characters.prefix(9), as: UTF8.self).lowercased() == "urn:uuid:":
            characters = characters.dropFirst(9)
        default: return nil
        }
        var digits: [UInt8] = []
        digits.reserveCapacity(32)
        let isDashed = characters.count == 36
        for (index, byte) in characters.enumerated() {
            if isDashed, index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = hexDigitValue(byte) else { return nil }
                digits.append(digit)
            }
        }
        let bytes = stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        self = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    /// All zeros, which upstream takes for "not given".
    static let nilUUID = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}

/// A path parameter that is an id; `raw` is percent-encoded, as it stands in the path.
func pathID(_ raw: String?) -> UUID? {
    guard let raw else { return nil }
    // An id as it is usually spelt has nothing to decode, and decoding costs more than all the rest.
    guard raw.utf8.contains(UInt8(ascii: "%")) else { return UUID(anySpelling: raw) }
    return raw.removingPercentEncoding.flatMap { UUID(anySpelling: $0) }
}
