import Logging

extension LogRecord {
    /// `2026-02-23T07:42:45.123Z notice skillrelay: listening address=127.0.0.1:8029 port=8029`
    var textLine: String {
        var line = "\(self.timestampText) \(self.level) \(self.label): "
        // A message is a constant of ours, unless a library's is not: what could break the line is quoted.
        if self.message.utf8.contains(where: { $0 < 0x20 }) {
            Self.appendQuoted(self.message, to: &line)
        } else {
            line += self.message
        }
        for (key, value) in self.metadata {
            Self.appendPair(key, value, to: &line)
        }
        if let error = self.error {
            Self.appendPair("error", error, to: &line)
        }
        line += "\n"
        return line
    }

    private static func appendPair(_ key: String, _ value: String, to line: inout String) {
        line += " "
        // A key from outside (a header's name, say) must not end the line either.
        if key.utf8.allSatisfy(Self.isPlain) {
            line += key
        } else {
            Self.appendQuoted(key, to: &line)
        }
        line += "="
        if !value.isEmpty, value.utf8.allSatisfy(Self.isPlain) {
            line += value
        } else {
            Self.appendQuoted(value, to: &line)
        }
    }

    /// Needs no quotes: no space, control character, quote, backslash or equals sign.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7F && byte != 0x22 && byte != 0x5C && byte != 0x3D
    }
}
