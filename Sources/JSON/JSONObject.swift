/// The members of a request's JSON object that its route knows; the others are checked and left where they are.
package struct JSONObject: Sendable {
    /// Numbers of a document to be stored may gain this many zeros when PostgreSQL writes them out: `[1e131071, …]`
    /// would turn one request into gigabytes.
    package static let maxExponents = 65_536
    /// A value in memory takes many times its two bytes of text: `[0,0, …]` would turn one request into hundreds of
    /// megabytes.
    package static let maxValues = 262_144

    private struct Member {
        let name: String
        let kind: JSONKind
        let range: Range<Int>
        let exponents: Int
        let values: Int
    }

    private let bytes: [UInt8]
    private var members: [Member] = []

    /// Checks a whole body and keeps the members named; of repeated ones the last. A bare `null` is an object without
    /// members, as upstream's decoder has it.
    ///
    /// - Throws: `JSONError`; `wrongType` when the text is JSON but no object.
    package init(_ bytes: [UInt8], members names: [String]) throws(JSONError) {
        self.bytes = bytes
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .invalidUTF8 }
        var scanner = JSONScanner(bytes)
        if scanner.take(UInt8(ascii: "{")) {
            if !scanner.take(UInt8(ascii: "}")) {
                repeat { try self.read(from: &scanner, names: names) } while scanner.take(UInt8(ascii: ","))
                guard scanner.take(UInt8(ascii: "}")) else { throw .malformed }
            }
        } else if try scanner.value() != .null {
            throw .wrongType
        }
        guard scanner.peek() == nil else { throw .malformed }
    }

    private mutating func read(from scanner: inout JSONScanner, names: [String]) throws(JSONError) {
        let key = Self.text(of: try scanner.key(), in: self.bytes)
        _ = scanner.peek()
        let start = scanner.position
        let exponents = scanner.exponents
        let values = scanner.values
        let kind = try scanner.value()
        // Compared as bytes: `String` equality would take canonically equivalent keys for one.
        guard let name = names.first(where: { $0.utf8.elementsEqual(key.utf8) }) else { return }
        self.members.append(
            Member(
                name: name, kind: kind, range: start..<scanner.position, exponents: scanner.exponents - exponents,
                values: scanner.values - values
            )
        )
    }

    /// The member, unless it is absent or null.
    private func member(_ name: String) -> Member? {
        guard let member = self.members.last(where: { $0.name == name }) else { return nil }
        return member.kind == .null ? nil : member
    }

    // MARK: Members by type

    /// - Throws: `JSONError.wrongType` for anything but a string; an absent or null member is nil.
    package func string(_ name: String) throws(JSONError) -> String? {
        guard let member = self.member(name) else { return nil }
        guard member.kind == .string else { throw .wrongType }
        var scanner = JSONScanner(self.bytes, at: member.range.lowerBound)
        return Self.text(of: try scanner.string(), in: self.bytes)
    }

    /// - Throws: `JSONError.wrongType` for anything but true and false; an absent or null member is nil.
    package func bool(_ name: String) throws(JSONError) -> Bool? {
        guard let member = self.member(name) else { return nil }
        guard member.kind == .bool else { throw .wrongType }
        return self.bytes[member.range.lowerBound] == UInt8(ascii: "t")
    }

    /// - Throws: `JSONError.wrongType` for anything but an array of strings; an absent or null member is nil.
    package func strings(_ name: String) throws(JSONError) -> [String]? {
        guard let member = self.member(name) else { return nil }
        guard member.kind == .array else { throw .wrongType }
        var scanner = JSONScanner(self.bytes, at: member.range.lowerBound + 1)
        var strings: [String] = []
        while let next = scanner.peek(), next != UInt8(ascii: "]") {
            guard next == UInt8(ascii: "\"") else { throw .wrongType }
            strings.append(Self.text(of: try scanner.string(), in: self.bytes))
            _ = scanner.take(UInt8(ascii: ","))
        }
        return strings
    }

    /// The JSON text of an object exactly as the client wrote it: PostgreSQL keeps the last of repeated keys and exact
    /// numbers.
    ///
    /// - Throws: `JSONError.wrongType` for anything but an object, `JSONError.exponentTooLarge`; an absent or null
    ///   member is nil.
    package func objectText(_ name: String) throws(JSONError) -> String? {
        guard let member = self.member(name) else { return nil }
        guard member.kind == .object else { throw .wrongType }
        guard member.exponents <= Self.maxExponents else { throw .exponentTooLarge }
        return String(decoding: self.bytes[member.range], as: UTF8.self)
    }

    /// - Throws: `JSONError.exponentTooLarge`, `JSONError.tooManyValues`; an absent or null member is nil.
    package func value(_ name: String) throws(JSONError) -> JSONValue? {
        guard let member = self.member(name) else { return nil }
        guard member.exponents <= Self.maxExponents else { throw .exponentTooLarge }
        guard member.values <= Self.maxValues else { throw .tooManyValues }
        var reader = JSONScanner(self.bytes, at: member.range.lowerBound)
        return try reader.tree()
    }

    // MARK: Escapes

    /// A checked string's text.
    static func text(of token: JSONScanner.StringToken, in bytes: [UInt8]) -> String {
        let raw = bytes[token.range]
        guard token.isEscaped else { return String(decoding: raw, as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(raw.count)
        var index = raw.startIndex
        while index < raw.endIndex {
            guard raw[index] == UInt8(ascii: "\\") else {
                text.append(raw[index])
                index += 1
                continue
            }
            let escape = raw[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                var units = [Self.unit(raw, at: index)]
                index += 4
                // A half alone, in a text that others have stored, becomes U+FFFD.
                if (0xD800...0xDBFF).contains(units[0]), raw[index...].starts(with: #"\u"#.utf8) {
                    units.append(Self.unit(raw, at: index + 2))
                    index += 6
                }
                text.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
            default: text.append(escape)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func unit(_ raw: ArraySlice<UInt8>, at index: Int) -> UInt16 {
        raw[index..<(index + 4)].reduce(0) { $0 << 4 | UInt16(hexDigitValue($1) ?? 0) }
    }
}
