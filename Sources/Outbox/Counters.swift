import Metrics

/// A counter for each value of a label that has few, all there from the start.
struct Counters<Value: RawRepresentable<String> & CaseIterable & Hashable & Sendable>: Sendable {
    private let counters: [Value: Counter]

    init(_ label: String, by dimension: String) {
        self.counters = Dictionary(
            uniqueKeysWithValues: Value.allCases.map {
                ($0, Counter(label: label, dimensions: [(dimension, $0.rawValue)]))
            }
        )
    }

    func increment(_ value: Value) { self.counters[value]?.increment() }
}
