import Foundation

/// A row's figures, for people and for machines.
struct Report {
    let row: Row
    let samples: [Sample]
    let isSmall: Bool

    static let head = """
        | row | median | min | max | unit | compared to | its median | ratio | target | |
        | --- | ---: | ---: | ---: | --- | --- | ---: | ---: | --- | --- |
        """

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    private var values: [Double] { self.samples.map(\.value) }
    private var median: Double { Self.median(self.values) }
    private var comparedTo: Double? {
        let values = self.samples.compactMap(\.comparedTo)
        return values.isEmpty ? nil : Self.median(values)
    }
    private var ratio: Double? { self.comparedTo.map { self.median / $0 } }

    private var faults: [String] { self.samples.compactMap(\.fault) }

    private var target: (text: String, isMet: Bool?) {
        let (text, isMet) = self.targetOfValues
        return (text, self.faults.isEmpty ? isMet : false)
    }

    private var targetOfValues: (text: String, isMet: Bool?) {
        switch self.row.target {
        case .ratio(let least): ("ratio ≥ \(least)", self.ratio.map { $0 >= least })
        case .ratioAtMost(let most): ("ratio ≤ \(most)", self.ratio.map { $0 <= most })
        case .value(let most): ("≤ \(most)", self.median <= most)
        case .stated: ("stated", nil)
        }
    }

    var line: String {
        let verdict = self.target.isMet.map { $0 ? "met" : "NOT MET" } ?? ""
        let cells = [
            self.row.name, Self.text(self.median), Self.text(self.values.min() ?? .nan),
            Self.text(self.values.max() ?? .nan), self.row.unit, self.row.comparedTo,
            self.comparedTo.map(Self.text) ?? "", self.ratio.map { String(format: "%.2f", $0) } ?? "", self.target.text,
            self.isSmall ? "small run" : verdict,
        ]
        let notes = self.samples.suffix(1).map(\.note).filter { !$0.isEmpty } + self.faults.map { "FAULT: \($0)" }
        return "| " + cells.joined(separator: " | ") + " |" + notes.map { "\n  \($0)" }.joined()
    }

    private static func text(_ value: Double) -> String { String(format: value < 100 ? "%.2f" : "%.0f", value) }

    private struct Line: Encodable {
        let row: String
        let unit: String
        let median: Double
        let min: Double
        let max: Double
        let compared_to: String
        let compared_median: Double?
        let ratio: Double?
        let target: String
        let met: Bool?
        let small: Bool
        let runs: Int
        let notes: [String]
        let faults: [String]
    }

    func json() throws -> String {
        let line = Line(
            row: self.row.name, unit: self.row.unit, median: self.median, min: self.values.min() ?? .nan,
            max: self.values.max() ?? .nan, compared_to: self.row.comparedTo, compared_median: self.comparedTo,
            ratio: self.ratio, target: self.target.text, met: self.target.isMet, small: self.isSmall,
            runs: self.samples.count, notes: self.samples.map(\.note).filter { !$0.isEmpty },
            faults: self.faults
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(line), as: UTF8.self)
    }
}
