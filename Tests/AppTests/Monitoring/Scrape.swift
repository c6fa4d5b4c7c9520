import Foundation
import Support

/// One scrape of `/metrics`.
struct Scrape {
    let text: String
    /// By the name with its labels, as they are written.
    let values: [String: Double]

    init(_ probe: HTTPProbe) async throws {
        let answer = try await probe.send("GET", "/metrics")
        guard answer.status == 200 else { throw TestError("/metrics answers \(answer.status)") }
        self.text = answer.text
        let lines = answer.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        self.values = Dictionary(
            uniqueKeysWithValues: lines.map { line in
                let space = line.lastIndex(of: " ") ?? line.endIndex
                return (String(line[..<space]), Double(line[space...].dropFirst()) ?? .nan)
            }
        )
    }

    /// Without the prefix of ours; nil when there is no such line.
    subscript(name: String) -> Double? { self.values["skillrelay_\(name)"] }

    /// The names of the metrics, as `# TYPE` has them.
    var names: Set<String> {
        Set(self.text.matches(of: #/\n# TYPE (\S+)/#).map { String($0.1) })
    }
}

/// Debian's promtool.
enum Promtool {
    /// - Throws: ``TestError`` with what it says, if that is anything but good.
    static func run(_ arguments: String..., input: String = "") async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "promtool-\(UUID().uuidString)")
        try Data(input.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // a leftover file harms nobody
        // promtool check metrics reads its standard input.
        let script = #"file=$1; shift; exec promtool "$@" <"$file""#
        try await Command.run("/bin/sh", ["-c", script, "sh", file.path()] + arguments)
    }
}
