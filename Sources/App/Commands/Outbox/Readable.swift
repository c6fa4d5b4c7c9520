import Postgres

/// Numbers and times as people read them.
enum Readable {
    /// `1,234,567`
    static func count(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        let grouped = digits.enumerated().map { index, digit in
            index > 0 && (digits.count - index) % 3 == 0 ? ",\(digit)" : "\(digit)"
        }
        return (value < 0 ? "-" : "") + grouped.joined()
    }

    /// `512 B`, `1.5 MB`: powers of ten.
    static func bytes(_ value: Int) -> String {
        var value = Double(value)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1000 { return unit == "B" ? "\(Int(value)) B" : "\(Self.short(value)) \(unit)" }
            value /= 1000
        }
        return "\(Self.short(value)) TB"
    }

    /// `0.4 s`, `95 s`, `2 h 5 min`, `3 d 4 h`: two units at most.
    static func duration(seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(), 1e12))
        return switch whole {
        case ..<10: "\(Self.short(seconds)) s"
        case ..<120: "\(whole) s"
        case ..<3600: "\(whole / 60) min \(whole % 60) s"
        case ..<86_400: "\(whole / 3600) h \(whole / 60 % 60) min"
        default: "\(whole / 86_400) d \(whole / 3600 % 24) h"
        }
    }

    /// `2026-11-28T21:15:15Z`; a dash for none.
    static func time(_ time: PostgresTimestamp?) -> String {
        guard var time else { return "-" }
        time.unixMicroseconds -= time.unixMicroseconds % 1_000_000
        return String(decoding: time.rfc3339, as: UTF8.self)
    }

    /// One digit after the point, unless it is a zero.
    private static func short(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
