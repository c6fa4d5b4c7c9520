package import Metrics
import Synchronization

/// The backend of swift-metrics: holds the process's numbers and gives them out in the Prometheus text format.
///
/// Making a metric takes a lock; measuring does not. So code makes its metrics once and keeps them.
package final class MetricsRegistry: MetricsFactory {
    private struct Family {
        let description: MetricDescription
        var series: [[String]: any MetricSeries] = [:]
    }

    /// By the label that code uses.
    private let families: Mutex<[String: Family]>
    private let order: [String]

    package init(_ descriptions: [MetricDescription]) {
        self.order = descriptions.map(\.label)
        self.families = Mutex(
            Dictionary(uniqueKeysWithValues: descriptions.map { ($0.label, Family(description: $0)) })
        )
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let series: CounterSeries? = self.series(label, dimensions) { $0 == .counter ? CounterSeries() : nil }
        return series ?? NOOPMetricsHandler.instance
    }

    /// Also for a counter: one that is counted elsewhere and read when it is asked for.
    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        let series: GaugeSeries? = self.series(label, dimensions) { kind in
            switch kind {
            case .counter, .gauge: GaugeSeries()
            case .histogram: nil
            }
        }
        return series ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        self.histogram(label, dimensions, unit: 1) ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.histogram(label, dimensions, unit: 1e9) ?? NOOPMetricsHandler.instance
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], unit: Double) -> HistogramSeries? {
        self.series(label, dimensions) { kind in
            if case .histogram(let bounds) = kind { HistogramSeries(bounds: bounds, unit: unit) } else { nil }
        }
    }

    /// The series of these label values, made if it is not there; nil unless it is as described.
    private func series<Series: MetricSeries>(
        _ label: String,
        _ dimensions: [(String, String)],
        make: (MetricDescription.Kind) -> Series?
    ) -> Series? {
        self.families.withLock { families in
            guard let family = families[label], family.description.labels == dimensions.map(\.0) else { return nil }
            let values = dimensions.map(\.1)
            if let existing = family.series[values] { return existing as? Series }
            let series = make(family.description.kind)
            families[label]?.series[values] = series
            return series
        }
    }

    // Numbers stay for as long as the process: who is gone has still counted.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: Exposition

    /// Everything that has a number, in the order of the descriptions.
    ///
    /// Related Prometheus documentation: <https://prometheus.io/docs/instrumenting/exposition_formats/>
    package func exposition() -> String {
        let families = self.families.withLock { $0 }
        var text = ""
        for label in self.order {
            if let family = families[label] { Self.append(family, to: &text) }
        }
        return text
    }

    private static func append(_ family: Family, to text: inout String) {
        let description = family.description
        let series = family.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { (labels: zip(description.labels, $0.key), samples: $0.value.samples) }
            .filter { !$0.samples.isEmpty }
        guard !series.isEmpty else { return }
        text += "# HELP \(description.name) \(description.help.escaped())\n"
        text += "# TYPE \(description.name) \(description.kind.text)\n"
        for (labels, samples) in series {
            for sample in samples {
                let all = labels.map { $0 } + [sample.label].compactMap(\.self).map { ($0.name, $0.value) }
                let pairs = all.map { "\($0.0)=\"\($0.1.escaped(quotes: true))\"" }.joined(separator: ",")
                text += description.name + sample.suffix + (pairs.isEmpty ? "" : "{\(pairs)}") + " \(sample.number)\n"
            }
        }
    }
}

extension MetricDescription.Kind {
    fileprivate var text: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}

extension String {
    fileprivate func escaped(quotes: Bool = false) -> String {
        let text = self.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? text.replacing("\"", with: "\\\"") : text
    }
}
