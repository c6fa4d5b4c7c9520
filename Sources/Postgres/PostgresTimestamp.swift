/// Microseconds since the Unix epoch: what timestamptz holds, exactly.
///
/// `Int64.max` and `Int64.min` stand for PostgreSQL's `infinity` and `-infinity`.
public struct PostgresTimestamp: Sendable, Hashable, Comparable {
    /// Microseconds since 1970-01-01 00:00 UTC.
    public var unixMicroseconds: Int64

    /// Wraps a time.
    public init(unixMicroseconds: Int64) {
        self.unixMicroseconds = unixMicroseconds
    }

    /// Earlier is less.
    public static func < (left: Self, right: Self) -> Bool {
        left.unixMicroseconds < right.unixMicroseconds
    }
}

extension PostgresTimestamp {
    /// The wire counts from 2000-01-01.
    private static let wireEpochOffset: Int64 = 946_684_800_000_000

    /// `nil` when the wire format cannot hold it.
    var wireValue: Int64? {
        if self.unixMicroseconds == .max || self.unixMicroseconds == .min { return self.unixMicroseconds }
        let (value, overflow) = self.unixMicroseconds.subtractingReportingOverflow(Self.wireEpochOffset)
        return overflow ? nil : value
    }

    init(wireValue: Int64) {
        let (value, overflow) = wireValue.addingReportingOverflow(Self.wireEpochOffset)
        // Only infinity is so large: the last date the server takes is in the year 294276.
        self.unixMicroseconds = overflow || wireValue == .max ? .max : wireValue == .min ? .min : value
    }
}
