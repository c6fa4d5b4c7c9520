import ArgumentParser

/// Measures the service from outside; `scripts/bench` installs, builds and starts what it needs.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures skillrelay; run by scripts/bench.")

    @Option(help: "How often each row is measured.")
    var runs = 5

    @Option(parsing: .upToNextOption, help: "Only these rows.")
    var only: [String] = []

    @Flag(help: "A quick look: a tenth of the time and of the events.")
    var small = false

    @Flag(help: "An object a line instead of a table.")
    var json = false

    @Option(help: "The skillrelay binary.")
    var binary: String

    func run() async throws {
        let rows = Row.all.filter { self.only.isEmpty || self.only.contains($0.name) }
        guard !rows.isEmpty else {
            throw ValidationError("no such row; there are \(Row.all.map(\.name).joined(separator: ", "))")
        }
        if !self.json { print(Report.head) }
        for row in rows {
            let samples = try await Bench.with(binary: self.binary, runs: self.runs, isSmall: self.small) { bench in
                try await row.measure(bench)
            }
            let report = Report(row: row, samples: samples, isSmall: self.small)
            print(self.json ? try report.json() : report.line)
        }
    }
}
