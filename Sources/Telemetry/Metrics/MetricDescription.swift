/// What is said of a metric before anything is measured: its name, its meaning, and which labels it has. Only what is described is exposed,
/// so that no library and no slip of ours can add series without bound.
///
/// Related Prometheus documentation: <https://prometheus.io/docs/practices/naming/>
package struct MetricDescription: Sendable {
    package enum Kind: Sendable, Equatable {
        /// Only grows, until the process ends.
        case counter
        case gauge
        /// `bounds` are the upper ones of its buckets, ascending, in the unit of the name.
        case histogram(bounds: [Double])
    }

    /// As the code that measures calls it: dotted, without a unit.
    package let label: String
    package let kind: Kind
    /// As it is exposed: with the unit, and `_total` for a counter.
    package let name: String
    package let help: String
    /// The names of its labels, in the order in which the code gives their values.
    package let labels: [String]

    /// `prefix` is the exposed name's; empty for the metrics that every process calls alike.
    package init(
        _ label: String,
        _ kind: Kind,
        unit: String? = nil,
        labels: [String] = [],
        prefix: String = "skillrelay_",
        help: String
    ) {
        self.label = label
        self.kind = kind
        let words = [label.split(separator: ".").joined(separator: "_"), unit, kind == .counter ? "total" : nil]
        self.name = prefix + words.compactMap(\.self).joined(separator: "_")
        self.help = help
        self.labels = labels
    }
}
