/// What stands at a place of a JSON text.
package enum JSONKind: Hashable, Sendable {
    case null, bool, number, string, array, object
}

/// Walks over one JSON text (RFC 8259) and checks every byte of it, without building values.
///
/// A scanner of our own, because Foundation's decoder turns numbers into `Double` or `Decimal` and keeps an unstated
/// one of repeated keys, while what clients store must come back exactly and the last of repeated keys must win
/// (contract.md §2.0, §2.2). It has no recursion, so no input can exhaust a stack; its memory is one bit of state a
/// level.
package struct JSONScanner: Sendable {
    /// Deeper nesting is refused. PostgreSQL's own parser recurses and fails near 6,000 levels at its default
    /// `max_stack_depth`.
    package static let maxDepth = 100

    /// A string's bytes between its quotes, already checked.
    package struct StringToken: Hashable, Sendable {
        package let range: Range<Int>
        package let isEscaped: Bool
    }

    private enum Container {
        case array, object
    }

    package let bytes: [UInt8]
    /// The next byte to read.
    package private(set) var position: Int
    /// The sum of the exponents' magnitudes read so far: how many zeros the numbers gain when they are written out.
    package private(set) var exponents = 0
    /// How many values were read so far, containers and what is in them alike.
    package private(set) var values = 0
    private let isToBeStored: Bool

    /// Begins at `position`; what `isToBeStored` may have no characters that PostgreSQL cannot keep.
    package init(_ bytes: [UInt8], at position: Int = 0, isToBeStored: Bool = true) {
        self.bytes = bytes
        self.position = position
        self.isToBeStored = isToBeStored
    }

    // MARK: Tokens

    /// The next byte after white space, without taking it; nil at the end.
    package mutating func peek() -> UInt8? {
        while self.position < self.bytes.count {
            let byte = self.bytes[self.position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            self.position += 1
        }
        return nil
    }

    /// Takes the next byte after white space if it is this one.
    package mutating func take(_ byte: UInt8) -> Bool {
        guard self.peek() == byte else { return false }
        self.position += 1
        return true
    }

    /// Takes an object's key and the colon after it.
    package mutating func key() throws(JSONError) -> StringToken {
        let key = try self.string()
        guard self.take(UInt8(ascii: ":")) else { throw .malformed }
        return key
    }

    /// Takes one value, whatever it holds.
    package mutating func value() throws(JSONError) -> JSONKind {
        var open: [Container] = []
        let kind = try self.begin(&open)
        while let container = open.last {
            if self.take(UInt8(ascii: ",")) {
                if container == .object { _ = try self.key() }
                _ = try self.begin(&open)
            } else if self.take(container == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                open.removeLast()
            } else {
                throw .malformed
            }
        }
        return kind
    }

    /// Takes a scalar or an empty container, or opens containers down to the first scalar or empty container in them.
    private mutating func begin(_ open: inout [Container]) throws(JSONError) -> JSONKind {
        var outermost: JSONKind?
        while true {
            let kind: JSONKind
            self.values += 1
            switch self.peek() {
            case UInt8(ascii: "{"):
                self.position += 1
                guard !self.take(UInt8(ascii: "}")) else { return outermost ?? .object }
                outermost = outermost ?? .object
                open.append(.object)
                guard open.count <= Self.maxDepth else { throw .tooDeep }
                _ = try self.key()
                continue
            case UInt8(ascii: "["):
                self.position += 1
                guard !self.take(UInt8(ascii: "]")) else { return outermost ?? .array }
                outermost = outermost ?? .array
                open.append(.array)
                guard open.count <= Self.maxDepth else { throw .tooDeep }
                continue
            case UInt8(ascii: "\""):
                _ = try self.string()
                kind = .string
            case UInt8(ascii: "t"):
                try self.word("true")
                kind = .bool
            case UInt8(ascii: "f"):
                try self.word("false")
                kind = .bool
            case UInt8(ascii: "n"):
                try self.word("null")
                kind = .null
            default:
                try self.number()
                kind = .number
            }
            return outermost ?? kind
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONError) {
        let end = self.position + word.utf8CodeUnitCount
        let text = word.withUTF8Buffer { Array($0) }
        guard end <= self.bytes.count, self.bytes[self.position..<end].elementsEqual(text) else { throw .malformed }
        self.position = end
    }
}

// MARK: - Strings

extension JSONScanner {
    /// Takes a string and checks its escapes. That the whole text is UTF-8 is checked before.
    package mutating func string() throws(JSONError) -> StringToken {
        guard self.take(UInt8(ascii: "\"")) else { throw .malformed }
        let start = self.position
        var isEscaped = false
        while self.position < self.bytes.count {
            let byte = self.bytes[self.position]
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return StringToken(range: start..<(self.position - 1), isEscaped: isEscaped)
            case UInt8(ascii: "\\"):
                isEscaped = true
                try self.escape()
            case 0x00..<0x20:
                throw .malformed
            default:
                break
            }
        }
        throw .malformed
    }

    /// Takes what follows a backslash.
    private mutating func escape() throws(JSONError) {
        guard self.position < self.bytes.count else { throw .malformed }
        let byte = self.bytes[self.position]
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"):
            let unit = try self.hexUnit()
            guard self.isToBeStored else { return }
            switch unit {
            case 0, 0xDC00...0xDFFF:
                throw .unstorableCharacter
            case 0xD800...0xDBFF:
                guard self.bytes[self.position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
                    throw .unstorableCharacter
                }
                self.position += 2
                guard try (0xDC00...0xDFFF).contains(self.hexUnit()) else { throw .unstorableCharacter }
            default:
                return
            }
        default:
            throw .malformed
        }
    }

    private mutating func hexUnit() throws(JSONError) -> UInt16 {
        guard self.position + 4 <= self.bytes.count else { throw .malformed }
        var unit: UInt16 = 0
        for byte in self.bytes[self.position..<(self.position + 4)] {
            guard let digit = hexDigitValue(byte) else { throw .malformed }
            unit = unit << 4 | UInt16(digit)
        }
        self.position += 4
        return unit
    }
}

// MARK: - Numbers

extension JSONScanner {
    private mutating func number() throws(JSONError) {
        self.takeRaw(UInt8(ascii: "-"))
        if !self.takeRaw(UInt8(ascii: "0")) {
            _ = try self.digits()
        }
        if self.takeRaw(UInt8(ascii: ".")) {
            _ = try self.digits()
        }
        if self.takeRaw(UInt8(ascii: "e")) || self.takeRaw(UInt8(ascii: "E")) {
            if !self.takeRaw(UInt8(ascii: "+")) { self.takeRaw(UInt8(ascii: "-")) }
            // Far beyond any limit, and far from overflowing the sum over one body.
            let magnitude = Int(String(decoding: self.bytes[try self.digits()].prefix(9), as: UTF8.self)) ?? 0
            self.exponents += magnitude
        }
    }

    private mutating func digits() throws(JSONError) -> Range<Int> {
        let start = self.position
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        while self.position < self.bytes.count, digits.contains(self.bytes[self.position]) {
            self.position += 1
        }
        guard self.position > start else { throw .malformed }
        return start..<self.position
    }

    /// Takes the very next byte if it is this one; white space has no place in a number.
    @discardableResult
    private mutating func takeRaw(_ byte: UInt8) -> Bool {
        guard self.position < self.bytes.count, self.bytes[self.position] == byte else { return false }
        self.position += 1
        return true
    }
}

/// The value of an ASCII hexadecimal digit in either case, or nil.
package func hexDigitValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
