import Foundation
import Hummingbird
import NIOCore
import Postgres

/// Writes an answer's JSON straight into its buffer, once.
///
/// Text that is JSON already (`raw`) goes in as it is: what PostgreSQL printed is not parsed again.
struct JSONWriter {
    private(set) var buffer = ByteBufferAllocator().buffer(capacity: 512)
    private var needsComma = false

    // MARK: Structure

    mutating func object(_ members: (inout JSONWriter) -> Void) {
        self.buffer.writeInteger(UInt8(ascii: "{"))
        self.needsComma = false
        members(&self)
        self.buffer.writeInteger(UInt8(ascii: "}"))
        self.needsComma = true
    }

    mutating func array<Item>(_ items: [Item], each write: (inout JSONWriter, Item) -> Void) {
        self.buffer.writeInteger(UInt8(ascii: "["))
        self.needsComma = false
        for item in items {
            self.separate()
            write(&self, item)
            self.needsComma = true
        }
        self.buffer.writeInteger(UInt8(ascii: "]"))
        self.needsComma = true
    }

    /// Begins a member; its value must follow.
    mutating func key(_ name: StaticString) {
        self.separate()
        self.buffer.writeInteger(UInt8(ascii: "\""))
        self.buffer.writeStaticString(name)
        self.buffer.writeStaticString("\":")
    }

    private mutating func separate() {
        if self.needsComma { self.buffer.writeInteger(UInt8(ascii: ",")) }
        self.needsComma = false
    }

    // MARK: Members

    mutating func member(_ name: StaticString, _ value: String?) {
        self.key(name)
        if let value { self.string(value) } else { self.raw("null") }
    }

    mutating func member(_ name: StaticString, _ value: (some BinaryInteger)?) {
        self.key(name)
        self.raw(value.map { String($0) } ?? "null")
    }

    mutating func member(_ name: StaticString, _ value: Bool) {
        self.key(name)
        self.buffer.writeStaticString(value ? "true" : "false")
        self.needsComma = true
    }

    /// Lowercase with dashes, or null.
    mutating func member(_ name: StaticString, _ value: UUID?) {
        self.key(name)
        if let value {
            self.buffer.writeInteger(UInt8(ascii: "\""))
            self.buffer.writeString(value.lowercased)
            self.buffer.writeInteger(UInt8(ascii: "\""))
        } else {
            self.buffer.writeStaticString("null")
        }
        self.needsComma = true
    }

    /// RFC 3339 in UTC, or null.
    mutating func member(_ name: StaticString, _ value: PostgresTimestamp?) {
        self.key(name)
        if let value { self.value(value) } else { self.raw("null") }
    }

    /// JSON text, written as it is.
    mutating func member(_ name: StaticString, raw json: String) {
        self.key(name)
        self.raw(json)
    }

    // MARK: Values

    /// JSON text, written as it is.
    mutating func raw(_ json: String) {
        self.buffer.writeString(json)
        self.needsComma = true
    }

    /// RFC 3339 in UTC.
    mutating func value(_ value: PostgresTimestamp) {
        self.buffer.writeInteger(UInt8(ascii: "\""))
        self.buffer.writeBytes(value.rfc3339)
        self.buffer.writeInteger(UInt8(ascii: "\""))
        self.needsComma = true
    }

    private mutating func string(_ value: String) {
        self.buffer.writeInteger(UInt8(ascii: "\""))
        if value.utf8.contains(where: Self.mustEscape) {
            for byte in value.utf8 { self.escaped(byte) }
        } else {
            self.buffer.writeString(value)
        }
        self.buffer.writeInteger(UInt8(ascii: "\""))
        self.needsComma = true
    }

    private static func mustEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escaped(_ byte: UInt8) {
        if byte < 0x20 {
            self.buffer.writeString("\\u00" + hexadecimal(CollectionOfOne(byte)))
        } else {
            if Self.mustEscape(byte) { self.buffer.writeInteger(UInt8(ascii: "\\")) }
            self.buffer.writeInteger(byte)
        }
    }
}
