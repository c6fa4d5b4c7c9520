import Logging

extension LogRecord {
    /// One JSON object (RFC 8259) with the keys timestamp, level, label, message, error if any, then the metadata. Every value is a string:
    /// a key never changes its type between two records.
    var jsonLine: String {
        var line = "{"
        Self.append("timestamp", self.timestampText, to: &line)
        Self.append("level", self.level.rawValue, to: &line)
        Self.append("label", self.label, to: &line)
        Self.append("message", self.message, to: &line)
        if let error = self.error {
            Self.append("error", error, to: &line)
        }
        for (key, value) in self.metadata {
            Self.append(key, value, to: &line)
        }
        line += "}\n"
        return line
    }

    private static func append(_ key: String, _ value: String, to line: inout String) {
        if line.utf8.count > 1 {
            line += ","
        }
        Self.appendQuoted(key, to: &line)
        line += ":"
        Self.appendQuoted(value, to: &line)
    }

    /// A quoted string in which quotes, backslashes and control characters are escaped.
    static func appendQuoted(_ text: String, to line: inout String) {
        line += "\""
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || $0 == 0x7F }) {
            for scalar in text.unicodeScalars {
                Self.appendEscaped(scalar, to: &line)
            }
        } else {
            line += text
        }
        line += "\""
    }

    private static func appendEscaped(_ scalar: Unicode.Scalar, to line: inout String) {
        switch scalar {
        case "\"": line += "\\\""
        case "\\": line += "\\\\"
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        case "\u{0}"..<"\u{20}", "\u{7F}":
            let digits = String(scalar.value, radix: 16)
            line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: line.unicodeScalars.append(scalar)
        }
    }
}
