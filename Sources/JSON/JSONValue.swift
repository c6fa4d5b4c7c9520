/// A JSON value that keeps what Foundation's decoders lose: the order of members, repeated keys' last value, and numbers digit by digit.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// As it was written.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// In the order written, each key once.
    case object([Member])

    package struct Member: Sendable, Hashable {
        package let key: String
        package let value: JSONValue

        package init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// - Throws: `JSONError` unless `bytes` is one JSON text that PostgreSQL can store.
    package init(_ bytes: [UInt8]) throws(JSONError) {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .invalidUTF8 }
        let scanner = try Self.check(bytes, isToBeStored: true)
        guard scanner.exponents <= JSONObject.maxExponents else { throw .exponentTooLarge }
        guard scanner.values <= JSONObject.maxValues else { throw .tooManyValues }
        var reader = JSONScanner(bytes)
        self = try reader.tree()
    }

    /// Reads what is stored already, by us or by others: characters that PostgreSQL does not keep are no fault here.
    ///
    /// - Throws: `JSONError` unless `text` is one JSON text, not too deep.
    package init(stored text: String) throws(JSONError) {
        let bytes = Array(text.utf8)
        _ = try Self.check(bytes, isToBeStored: false)
        var reader = JSONScanner(bytes, isToBeStored: false)
        self = try reader.tree()
    }

    /// Walks over the whole, so that reading it again cannot run too deep.
    private static func check(_ bytes: [UInt8], isToBeStored: Bool) throws(JSONError) -> JSONScanner {
        var scanner = JSONScanner(bytes, isToBeStored: isToBeStored)
        _ = try scanner.value()
        guard scanner.peek() == nil else { throw .malformed }
        return scanner
    }

    /// An object with those of the members that have a value.
    package init(members: KeyValuePairs<String, JSONValue?>) {
        self = .object(members.compactMap { key, value in value.map { Member(key, $0) } })
    }

    /// The member of an object; nil for what is absent, null or no object.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self,
            let value = members.first(where: { $0.key.utf8.elementsEqual(key.utf8) })?.value, value != .null
        else { return nil }
        return value
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
    package var object: [Member]? { if case .object(let members) = self { members } else { nil } }

    /// JSON text without white space.
    package var text: String {
        var bytes: [UInt8] = []
        self.write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let digits): bytes += digits.utf8
        case .string(let string): Self.write(string, to: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ string: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { text in
            // What needs no escape goes over in one piece.
            var start = text.startIndex
            for index in text.indices {
                guard let escape = Self.escape(text[index]) else { continue }
                bytes += text[start..<index]
                bytes += escape.utf8
                start = index + 1
            }
            bytes += text[start...]
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8) -> String? {
        switch byte {
        case UInt8(ascii: "\""): return "\\\""
        case UInt8(ascii: "\\"): return "\\\\"
        case UInt8(ascii: "\n"): return "\\n"
        case UInt8(ascii: "\r"): return "\\r"
        case UInt8(ascii: "\t"): return "\\t"
        case 0x20...: return nil
        default:
            let hex = String(byte, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
}

extension JSONScanner {
    /// Takes one value of a text that has been checked; no deeper than `maxDepth`.
    mutating func tree() throws(JSONError) -> JSONValue {
        guard let next = self.peek() else { throw .malformed }
        let start = self.position
        switch next {
        case UInt8(ascii: "{"):
            _ = self.take(next)
            var members: [JSONValue.Member] = []
            var places: [String: Int] = [:]
            while let byte = self.peek(), byte != UInt8(ascii: "}") {
                let key = JSONObject.text(of: try self.key(), in: self.bytes)
                let member = JSONValue.Member(key, try self.tree())
                // By its bytes: `String` takes canonically equivalent keys for one.
                if let place = places[key], members[place].key.utf8.elementsEqual(key.utf8) {
                    members[place] = member
                } else {
                    places[key] = members.count
                    members.append(member)
                }
                _ = self.take(UInt8(ascii: ","))
            }
            _ = self.take(UInt8(ascii: "}"))
            return .object(members)
        case UInt8(ascii: "["):
            _ = self.take(next)
            var values: [JSONValue] = []
            while let byte = self.peek(), byte != UInt8(ascii: "]") {
                values.append(try self.tree())
                _ = self.take(UInt8(ascii: ","))
            }
            _ = self.take(UInt8(ascii: "]"))
            return .array(values)
        case UInt8(ascii: "\""):
            return .string(JSONObject.text(of: try self.string(), in: self.bytes))
        default:
            switch try self.value() {
            case .null: return .null
            case .bool: return .bool(next == UInt8(ascii: "t"))
            default: return .number(String(decoding: self.bytes[start..<self.position], as: UTF8.self))
            }
        }
    }
}
