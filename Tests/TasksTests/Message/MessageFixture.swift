import Foundation
import JSON
import Postgres

@testable import Tasks

/// The value of a JSON text.
func json(_ text: String) throws -> JSONValue {
    try JSONValue(Array(text.utf8))
}

extension JSONValue {
    /// Members sorted by key, because no client minds their order.
    var sorted: JSONValue {
        switch self {
        case .object(let members):
            .object(members.sorted { $0.key < $1.key }.map { .init($0.key, $0.value.sorted) })
        case .array(let values): .array(values.map(\.sorted))
        default: self
        }
    }
}

extension MessagePart {
    var asJSON: JSONValue {
        JSONValue(members: [
            "type": .string(self.type), "text": self.text.map { .string($0) }, "asset": self.asset?.json,
            "filename": self.filename.map { .string($0) }, "meta": self.meta,
        ])
    }
}

extension ParsedMessage {
    /// As it comes back from the database.
    init(_ stored: NormalisedMessage, id: UUID = UUID()) {
        self.init(
            role: stored.role, parts: JSONValue.array(stored.parts.map(\.asJSON)).text, meta: stored.meta.text, id: id)
    }

    init(role: String, parts: String, meta: String = "{}", id: UUID = UUID()) {
        let time = PostgresTimestamp(unixMicroseconds: 1_771_832_565_120_000)
        self.init(
            Message(
                id: id, sessionID: UUID(), parentID: nil, role: role, meta: meta, parts: parts, taskID: nil,
                processStatus: "pending", createdAt: time, updatedAt: time
            )
        )
    }
}

extension MessageFormat {
    /// What comes back in a format of what was stored in this one.
    func roundTrip(_ blobs: [JSONValue], to format: MessageFormat? = nil) throws -> [JSONValue] {
        try (format ?? self).convert(blobs.map { ParsedMessage(try self.normalise($0)) })
    }
}

/// Draws the same values in every run with the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
