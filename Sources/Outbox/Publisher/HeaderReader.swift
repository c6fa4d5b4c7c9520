import Foundation
import RabbitMQ

/// Reads an event's headers from the text of a `jsonb` object.
///
/// What nearly every event has, a flat object without escapes as PostgreSQL prints it, is read here in one pass over its bytes. Whatever else
/// there may be is left to Foundation's decoder, which costs many times as much.
struct HeaderReader {
    private var rest: Substring.UTF8View

    /// Strings, booleans and whole numbers keep their type; the table takes no other header.
    static func headers(_ json: String) -> [String: RabbitMQHeader] {
        guard json != "{}" else { return [:] }
        var reader = HeaderReader(rest: json[...].utf8)
        if let headers = reader.object() { return headers }
        let object = try? JSONDecoder().decode([String: AnyHeader].self, from: Data(json.utf8))
        return object?.mapValues(\.header) ?? [:]
    }

    /// The whole text as `{"name": value, …}`, nil if it is anything else.
    private mutating func object() -> [String: RabbitMQHeader]? {
        var headers: [String: RabbitMQHeader] = [:]
        guard self.skip("{") else { return nil }
        repeat {
            guard self.skip("\""), let name = self.string(), self.skip(": "), let value = self.value() else {
                return nil
            }
            headers[name] = value
        } while self.skip(", ")
        return self.skip("}") && self.rest.isEmpty ? headers : nil
    }

    private mutating func skip(_ text: String) -> Bool {
        guard self.rest.starts(with: text.utf8) else { return false }
        self.rest.removeFirst(text.utf8.count)
        return true
    }

    /// The rest of a string whose quote has been read.
    private mutating func string() -> String? {
        guard let end = self.rest.firstIndex(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }),
            self.rest[end] == UInt8(ascii: "\"")
        else { return nil }
        defer { self.rest = self.rest[self.rest.index(after: end)...] }
        return String(self.rest[..<end])
    }

    private mutating func value() -> RabbitMQHeader? {
        if self.skip("\"") { return self.string().map(RabbitMQHeader.string) }
        if self.skip("true") { return .bool(true) }
        if self.skip("false") { return .bool(false) }
        let digits = self.rest.prefix { $0 == UInt8(ascii: "-") || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        // With a fraction or an exponent it has more than digits, and what follows is not what is expected.
        self.rest = self.rest[digits.endIndex...]
        return String(digits).flatMap { Int64($0) }.map(RabbitMQHeader.int)
    }
}

/// A header of any form that the table takes.
private struct AnyHeader: Decodable {
    let header: RabbitMQHeader

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self.header = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self.header = .int(value)
        } else {
            self.header = .string(try container.decode(String.self))
        }
    }
}
