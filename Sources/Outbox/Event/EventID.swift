package import Foundation

/// Draws version 7 UUIDs (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits.
///
/// The id carries the event's day, which is its partition. It is drawn before the statement that writes the event runs, so
/// that the statement can run again under the same id when its reply is lost.
package enum EventID {
    package static func next() -> UUID {
        Self.make(unixMilliseconds: UInt64(max(0, Date.now.timeIntervalSince1970 * 1000)), random: UUID())
    }

    /// `random` is a version 4 UUID, whose last 74 random bits are used.
    static func make(unixMilliseconds: UInt64, random: UUID) -> UUID {
        var bytes = random.uuid
        bytes.0 = UInt8(truncatingIfNeeded: unixMilliseconds >> 40)
        bytes.1 = UInt8(truncatingIfNeeded: unixMilliseconds >> 32)
        bytes.2 = UInt8(truncatingIfNeeded: unixMilliseconds >> 24)
        bytes.3 = UInt8(truncatingIfNeeded: unixMilliseconds >> 16)
        bytes.4 = UInt8(truncatingIfNeeded: unixMilliseconds >> 8)
        bytes.5 = UInt8(truncatingIfNeeded: unixMilliseconds)
        bytes.6 = 0x70 | (bytes.6 & 0x0F)
        return UUID(uuid: bytes)
    }
}
