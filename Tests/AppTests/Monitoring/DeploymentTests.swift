import Foundation
import Support
import Telemetry
import Testing

@testable import App

/// The files in `deploy`, and the page about them, against what the service exposes.
@Suite("Alerts and dashboard")
struct DeploymentTests {
    private static let rules = Repository.file("deploy/prometheus/skillrelay.rules.yaml")
    private static let names = Set(MetricCatalogue.all.map(\.name))

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Repository.file(path), encoding: .utf8)
    }

    @Test("promtool takes the rules and the configuration, and each situation sets off the alerts that it should")
    func rules() async throws {
        let folder = Repository.file("deploy/prometheus").path()
        try await Promtool.run("check", "config", "\(folder)/prometheus.yaml")
        try await Promtool.run("check", "rules", Self.rules.path())
        try await Promtool.run("test", "rules", "\(folder)/skillrelay.rules.test.yaml")
    }

    @Test("what the database's exporter is to ask can be asked, and has the columns that are exposed")
    func exporter() async throws {
        let view = try Self.text("deploy/prometheus/postgres-exporter.queries.yaml")
        let query = try #require(view.firstMatch(of: #/query: >-\n((?: {4}.*\n)+?) {2}metrics/#)).1
        let columns = view.matches(of: #/- (\w+): \{usage/#).map { String($0.1) }
        try await withTestDatabase { database in
            let keys = try await database.values(
                "SELECT jsonb_object_keys(to_jsonb(answer)) FROM (\(query)) AS answer", as: String.self)
            #expect(Set(keys) == Set(columns))
        }
    }

    @Test("each alert has its entry in the runbook and a situation that sets it off")
    func runbook() throws {
        let rules = try String(contentsOf: Self.rules, encoding: .utf8)
        let page = try Self.text("docs/operating.md")
        let situations = try Self.text("deploy/prometheus/skillrelay.rules.test.yaml")
        let alerts = rules.matches(of: #/- alert: (\w+)/#).map { String($0.1) }
        let links = rules.matches(of: #/runbook_url: https:\/\/RUNBOOK\/operating\.md#(\w+)/#).map { String($0.1) }
        #expect(alerts.count > 10)
        #expect(links == alerts.map { $0.lowercased() })
        for alert in alerts {
            #expect(page.contains("\n### \(alert)\n"), "\(alert)")
            #expect(situations.contains("alertname=\"\(alert)\""), "\(alert)")
        }
    }

    @Test(
        "rules and dashboard ask only for metrics that there are",
        arguments: [
            "deploy/prometheus/skillrelay.rules.yaml", "deploy/prometheus/skillrelay.rules.test.yaml",
            "deploy/grafana/skillrelay.json",
        ])
    func metrics(file: String) throws {
        // From the database's own exporter, not from the service.
        let view = try Self.text("deploy/prometheus/postgres-exporter.queries.yaml")
            .matches(of: #/- (\w+): \{usage/#).map { "skillrelay_relay_status_\($0.1)" }
        let known = Self.names.union(view).union(["skillrelay"])
        let asked = try Self.text(file).matches(of: #/\b(?:skillrelay|process)_\w+/#).map { match in
            String(match.0).replacing(#/_(?:bucket|sum|count)$/#, with: "")
        }
        #expect(Set(asked).subtracting(known).isEmpty)
        #expect(asked.count > 10)
    }

    @Test("the dashboard is JSON, and its panels lie side by side")
    func dashboard() throws {
        struct Dashboard: Decodable {
            struct Panel: Decodable {
                struct Position: Decodable { let x, y, w, h: Int }
                let title: String
                let gridPos: Position
            }
            let panels: [Panel]
        }
        let data = try Data(contentsOf: Repository.file("deploy/grafana/skillrelay.json"))
        let panels = try JSONDecoder().decode(Dashboard.self, from: data).panels
        var cells: Set<[Int]> = []
        for panel in panels {
            let position = panel.gridPos
            for x in position.x..<position.x + position.w {
                for y in position.y..<position.y + position.h {
                    #expect(x < 24 && cells.insert([x, y]).inserted, "\(panel.title)")
                }
            }
        }
    }

    @Test("the page lists every metric, and no other")
    func page() throws {
        let page = try Self.text("docs/operating.md")
        let table = page[(page.range(of: "## Metrics")?.upperBound ?? page.startIndex)...].prefix { $0 != "#" }
        let listed = table.matches(of: #/`((?:skillrelay|process)_\w+)`/#).map { String($0.1) }
        #expect(Set(listed) == Self.names)
        #expect(Set(listed).count == listed.count)
    }

    @Test("every metric that code makes is in the catalogue, and every one in the catalogue is made")
    func catalogue() throws {
        let made = #/(?:Counter|Counters<\w+>|Timer|Meter|Recorder)\((?:label: )?"([a-z.]+)"/#
        let folder = Repository.file("Sources")
        var labels: Set<String> = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path()) where path.hasSuffix(".swift") {
            let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
            labels.formUnion(text.matches(of: made).map { String($0.1) })
        }
        #expect(labels == Set(MetricCatalogue.all.map(\.label)))
    }
}
