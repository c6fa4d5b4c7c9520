extension PostgresTimestamp {
    private static let microsecondsADay: Int64 = 86_400_000_000

    // MARK: Out

    /// `2026-02-23T08:22:45.12Z`: UTC, at most six digits of fraction, no trailing zeros. ASCII bytes.
    public var rfc3339: [UInt8] {
        let (seconds, fraction) = Self.floorDivide(self.unixMicroseconds, by: 1_000_000)
        let (day, second) = Self.floorDivide(seconds, by: 86_400)
        let date = Self.civilDate(daysSinceEpoch: day)
        var text: [UInt8] = []
        text.reserveCapacity(27)
        Self.append(date.year, digits: 4, to: &text)
        text.append(UInt8(ascii: "-"))
        Self.append(date.month, digits: 2, to: &text)
        text.append(UInt8(ascii: "-"))
        Self.append(date.day, digits: 2, to: &text)
        text.append(UInt8(ascii: "T"))
        Self.append(second / 3600, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        Self.append(second / 60 % 60, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        Self.append(second % 60, digits: 2, to: &text)
        if fraction != 0 {
            text.append(UInt8(ascii: "."))
            Self.append(fraction, digits: 6, to: &text)
            while text.last == UInt8(ascii: "0") { text.removeLast() }
        }
        text.append(UInt8(ascii: "Z"))
        return text
    }

    /// The proleptic Gregorian date of a day: years begin in March, so that the leap day is the last one.
    private static func civilDate(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = Self.floorDivide(daysSinceEpoch + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func append(_ value: Int64, digits: Int, to text: inout [UInt8]) {
        let decimal = String(value).utf8
        text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: max(0, digits - decimal.count)))
        text.append(contentsOf: decimal)
    }

    // MARK: In

    /// Reads a time of RFC 3339, `2026-02-23T08:22:45.12Z` or with an offset such as `+01:00`, or a date alone, which is its
    /// beginning in UTC. Digits after the sixth of a fraction are dropped.
    ///
    /// - Returns: nil for any other text, and for a date or time that does not exist (a leap second among them).
    public init?(rfc3339 text: some StringProtocol) {
        var text = Array(text.utf8)[...]
        guard let year = Self.number(4, from: &text), Self.skip("-", in: &text),
            let month = Self.number(2, from: &text), Self.skip("-", in: &text),
            let day = Self.number(2, from: &text), let days = Self.days(year: year, month: month, day: day)
        else { return nil }
        self.init(unixMicroseconds: days * Self.microsecondsADay)
        guard !text.isEmpty else { return }
        guard Self.skip("Tt ", in: &text), let time = Self.timeOfDay(from: &text),
            let offset = Self.offset(from: &text), text.isEmpty
        else { return nil }
        self.unixMicroseconds += time - offset
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        guard (1...12).contains(month), (1...31).contains(day) else { return nil }
        let marchYear = month > 2 ? year : year - 1
        let (era, yearOfEra) = Self.floorDivide(marchYear, by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        // The 30th of February comes back as another day.
        return Self.civilDate(daysSinceEpoch: days) == (year, month, day) ? days : nil
    }

    /// Microseconds since midnight.
    private static func timeOfDay(from text: inout ArraySlice<UInt8>) -> Int64? {
        guard let hour = Self.number(2, from: &text), hour < 24, Self.skip(":", in: &text),
            let minute = Self.number(2, from: &text), minute < 60, Self.skip(":", in: &text),
            let second = Self.number(2, from: &text), second < 60
        else { return nil }
        var fraction: Int64 = 0
        if Self.skip(".", in: &text) {
            let digits = text.prefix(while: Self.isDigit)
            guard !digits.isEmpty else { return nil }
            text = text.dropFirst(digits.count)
            for index in 0..<6 {
                let digit = index < digits.count ? digits[digits.startIndex + index] - UInt8(ascii: "0") : 0
                fraction = fraction * 10 + Int64(digit)
            }
        }
        return ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    }

    /// Microseconds that the local time is ahead of UTC.
    private static func offset(from text: inout ArraySlice<UInt8>) -> Int64? {
        if Self.skip("Zz", in: &text) { return 0 }
        let isBehind = text.first == UInt8(ascii: "-")
        guard Self.skip("+-", in: &text), let hours = Self.number(2, from: &text), hours < 24,
            Self.skip(":", in: &text), let minutes = Self.number(2, from: &text), minutes < 60
        else { return nil }
        return (isBehind ? -60_000_000 : 60_000_000) * (hours * 60 + minutes)
    }

    private static func number(_ digits: Int, from text: inout ArraySlice<UInt8>) -> Int64? {
        let decimal = text.prefix(digits)
        guard decimal.count == digits, decimal.allSatisfy(Self.isDigit) else { return nil }
        text = text.dropFirst(digits)
        return decimal.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Drops the first byte if it is one of `any`.
    private static func skip(_ any: String, in text: inout ArraySlice<UInt8>) -> Bool {
        guard let first = text.first, any.utf8.contains(first) else { return false }
        text = text.dropFirst()
        return true
    }
}

extension PostgresTimestamp: Codable {
    /// From a text of RFC 3339.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = Self(rfc3339: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a time of RFC 3339")
        }
        self = time
    }

    /// As a text of RFC 3339.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(String(decoding: self.rfc3339, as: UTF8.self))
    }
}
