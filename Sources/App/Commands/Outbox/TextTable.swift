/// Columns that line up, for people.
struct TextTable {
    private var rows: [[String]]

    /// The first row is the head.
    init(_ head: String...) {
        self.rows = [head]
    }

    init(_ head: [String], _ rows: [[String]]) {
        self.rows = [head] + rows
    }

    mutating func add(_ row: String...) {
        self.rows.append(row)
    }

    /// One a row, two spaces between columns. What is no printable character is escaped: a payload must not move the cursor.
    var lines: [String] {
        let cells = self.rows.map { row in row.map(\.printable) }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            let padded = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return String(padded.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }
}

extension String {
    /// The same without control characters.
    var printable: String {
        let isClean = self.unicodeScalars.allSatisfy { !Self.isControl($0) }
        guard !isClean else { return self }
        return self.unicodeScalars.map { Self.isControl($0) ? $0.escaped(asASCII: true) : String($0) }.joined()
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
