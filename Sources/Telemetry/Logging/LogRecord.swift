import Foundation
import Logging

/// What one log statement said, merged and flat, ready to be written.
struct LogRecord: Sendable {
    var timestamp: Date
    var level: Logger.Level
    var label: String
    var message: String
    var error: String?
    /// Sorted by key; nested metadata is flattened to dotted keys (`a.b`, `list.0`).
    var metadata: [(key: String, value: String)]

    /// `base` is the logger's own metadata, `provided` its provider's; the statement's own wins over both.
    init(event: LogEvent, label: String, base: Logger.Metadata, provided: Logger.Metadata, timestamp: Date) {
        self.timestamp = timestamp
        self.level = event.level
        self.label = label
        self.message = event.message.description
        self.error = event.error.map { "\($0)" }
        var merged = base
        merged.merge(provided) { _, new in new }
        merged.merge(event.metadata ?? [:]) { _, new in new }
        var flat: [String: String] = [:]
        for (key, value) in merged {
            Self.flatten(value, key: Self.reservedKeys.contains(key) ? "metadata.\(key)" : key, into: &flat)
        }
        self.metadata = flat.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
    }

    /// The record's own keys in JSON; metadata of the same name must not make them twofold.
    private static let reservedKeys: Set<String> = ["timestamp", "level", "label", "message", "error"]

    private static func flatten(_ value: Logger.MetadataValue, key: String, into flat: inout [String: String]) {
        switch value {
        case .string(let string):
            flat[key] = string
        case .stringConvertible(let convertible):
            flat[key] = convertible.description
        case .dictionary(let dictionary):
            for (name, value) in dictionary {
                self.flatten(value, key: "\(key).\(name)", into: &flat)
            }
        case .array(let array):
            for (index, value) in array.enumerated() {
                self.flatten(value, key: "\(key).\(index)", into: &flat)
            }
        }
    }

    /// RFC 3339 in UTC with milliseconds.
    var timestampText: String {
        self.timestamp.formatted(Self.timestampStyle)
    }

    private static let timestampStyle = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
