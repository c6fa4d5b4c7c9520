package import Foundation
package import Postgres

/// Draws version 7 UUIDs (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits.
///
/// The id carries the event's day, which is its partition. It is drawn before the statement that writes the event runs, so
/// that the statement can run again under the same id when its reply is lost.
package enum EventID {
    package static func next() -> UUID {
        var random = SystemRandomNumberGenerator()
        return Self.make(
            unixMilliseconds: UInt64(max(0, Date.now.timeIntervalSince1970 * 1000)),
            random: (random.next(), random.next())
        )
    }

    /// The ends of the order of ids.
    static let least = Self.id(0, 0)
    static let greatest = Self.id(.max, .max)

    /// The bound between ids drawn before a time and those drawn since, as `skillrelay.uuid7_floor` has it.
    package static func least(at time: PostgresTimestamp) -> UUID {
        // 48 bits: up to the year 10889.
        let milliseconds = UInt64(min(max(0, time.unixMicroseconds / 1000), 0xFFFF_FFFF_FFFF))
        return Self.id(milliseconds << 16, 0)
    }

    /// The last 74 bits of `random` are used.
    static func make(unixMilliseconds: UInt64, random: (UInt64, UInt64)) -> UUID {
        let high = unixMilliseconds << 16 | 0x7000 | random.0 & 0x0FFF
        let low = 0x8000_0000_0000_0000 | random.1 & 0x3FFF_FFFF_FFFF_FFFF
        return Self.id(high, low)
    }

    private static func id(_ high: UInt64, _ low: UInt64) -> UUID {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
