import Foundation
import Support

/// What a run found, as a line of the table that `scripts/chaos` prints.
struct Report: Encodable {
    let fault: String
    let times: Int
    let events: Int
    let lost: Int
    let phantom: Int
    let duplicates: Int
    let duplicatesAllowed: Int
    /// The longest; none for a run without faults.
    let secondsToRecover: Double?
    /// Broken promises of any kind, the lost and the phantoms too.
    let violations: Int

    /// A whole run as one line.
    init(_ name: String, _ verdict: Verdict) {
        self.init(name, findings: verdict.incidents, of: verdict, within: { _ in true }, events: verdict.eventCount)
    }

    /// One line for each fault of a run, in the order of their names.
    static func lines(_ verdict: Verdict) -> [Report] {
        Dictionary(grouping: verdict.incidents, by: \.incident.fault).sorted { $0.key < $1.key }.map { name, findings in
            Report(
                name, findings: findings, of: verdict,
                within: { violation in findings.contains { $0.incident.isSuspect(of: violation) } },
                events: findings.map(\.eventCount).reduce(0, +)
            )
        }
    }

    private init(
        _ name: String,
        findings: [Verdict.Finding],
        of verdict: Verdict,
        within: (Violation) -> Bool,
        events: Int
    ) {
        let violations = verdict.violations.filter(within)
        self.fault = name
        self.times = findings.count
        self.events = events
        self.lost = violations.count { $0.kind == .lost || $0.kind == .stuck }
        self.phantom = violations.count { $0.kind == .phantom || $0.kind == .doubledEvent }
        self.duplicates = findings.map(\.duplicateCount).reduce(0, +) + violations.count { $0.kind == .duplicated }
        self.duplicatesAllowed = findings.map(\.incident.duplicatesAllowed).reduce(0, +)
        self.secondsToRecover = findings.compactMap(\.incident.recovery).max().map { $0 / .seconds(1) }
        self.violations = violations.count
    }

    // MARK: Where it goes

    /// Adds lines to the file that `SKILLRELAY_CHAOS_REPORT` names, a JSON object each.
    static func write(_ lines: [Report]) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try Self.append(
            lines.map { String(decoding: try encoder.encode($0), as: UTF8.self) }, "SKILLRELAY_CHAOS_REPORT")
    }

    /// Tells what happens right now, in the file that `SKILLRELAY_CHAOS_LOG` names.
    static func progress(_ line: String) {
        try? Self.append([line], "SKILLRELAY_CHAOS_LOG")  // a full disk must not end the run
    }

    private static func append(_ lines: [String], _ variable: String) throws {
        guard let path = ProcessInfo.processInfo.environment[variable] else { return }
        let file = try FileHandle(forUpdating: URL(filePath: path))
        defer { try? file.close() }  // all is written
        try file.seekToEnd()
        try file.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
    }
}
