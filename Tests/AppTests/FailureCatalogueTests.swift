import Foundation
import Testing

/// docs/failures.md is complete, and what it names is there.
@Suite("The catalogue of failures")
struct FailureCatalogueTests {
    private static let rowCount = 112

    private func rows() throws -> [(number: Int, answer: String)] {
        try String(contentsOf: Repository.file("docs/failures.md"), encoding: .utf8).split(separator: "\n")
            .compactMap { line in
                let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                return cells.count == 3 ? Int(cells[0]).map { ($0, cells[2]) } : nil
            }
    }

    @Test("has each of its rows once, in order, with an answer")
    func complete() throws {
        let rows = try self.rows()
        #expect(rows.map(\.number) == Array(1...Self.rowCount))
        #expect(!rows.contains { $0.answer.isEmpty })
    }

    @Test("names only tests that there are")
    func names() throws {
        let folder = Repository.file("Tests")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path()).filter { $0.hasSuffix(".swift") }
        let source = try files.map { try String(contentsOf: folder.appending(path: $0), encoding: .utf8) }.joined()
        for row in try self.rows() {
            for name in row.answer.matches(of: /`(\w+Tests)`/) {
                #expect(source.contains("struct \(name.1)"), "row \(row.number)")
            }
        }
    }
}
