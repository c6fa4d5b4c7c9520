import Metrics
import Synchronization

/// One line of the exposition, or the lines of one histogram.
protocol MetricSeries: AnyObject, Sendable {
    /// What is exposed: a suffix of the name, one more label perhaps, and the number.
    var samples: [MetricSample] { get }
}

struct MetricSample {
    var suffix = ""
    var label: (name: String, value: String)?
    var number: String
}

/// A number that grows. One atomic addition each time.
final class CounterSeries: MetricSeries, CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { self.count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { self.count.wrappingAdd(amount, ordering: .relaxed) }

    func reset() { self.count.store(0, ordering: .relaxed) }

    var samples: [MetricSample] { [MetricSample(number: "\(self.value)")] }
}

/// A number that is set. Not a number is not exposed: what is unknown has no line.
final class GaugeSeries: MetricSeries, MeterHandler {
    private let number: Atomic<Double>

    init(_ number: Double = .nan) { self.number = Atomic(number) }

    var value: Double { self.number.load(ordering: .relaxed) }

    func set(_ value: Int64) { self.set(Double(value)) }

    func set(_ value: Double) { self.number.store(value, ordering: .relaxed) }

    func increment(by amount: Double) {
        var current = self.value
        while true {
            let next = (current.isNaN ? 0 : current) + amount
            let attempt = self.number.weakCompareExchange(expected: current, desired: next, ordering: .relaxed)
            if attempt.exchanged { return }
            current = attempt.original
        }
    }

    func decrement(by amount: Double) { self.increment(by: -amount) }

    var samples: [MetricSample] {
        let value = self.value
        return value.isNaN ? [] : [MetricSample(number: value.prometheusText)]
    }
}

/// Counts values in fixed buckets. Two atomic additions a value, after a look through a handful of bounds.
final class HistogramSeries: MetricSeries, TimerHandler, RecorderHandler {
    private let bounds: [(limit: Int64, text: String)]
    /// One more than there are bounds, for what is over all of them.
    private let buckets: [CounterSeries]
    private let sum = GaugeSeries(0)
    private let unit: Double

    /// - Parameters:
    ///   - bounds: in the exposed unit.
    ///   - unit: how many of what is recorded make one of that: 1e9 where nanoseconds become seconds.
    init(bounds: [Double], unit: Double) {
        self.unit = unit
        self.bounds = bounds.map { (Int64(($0 * unit).rounded()), $0.prometheusText) }
        self.buckets = (0...bounds.count).map { _ in CounterSeries() }
    }

    func record(_ value: Int64) {
        let index = self.bounds.firstIndex { value <= $0.limit } ?? self.bounds.count
        self.buckets[index].increment(by: 1)
        self.sum.increment(by: Double(value) / self.unit)
    }

    func record(_ value: Double) { self.record(Int64(value.rounded())) }

    func recordNanoseconds(_ duration: Int64) { self.record(duration) }

    var samples: [MetricSample] {
        var count: Int64 = 0
        var samples: [MetricSample] = []
        for (bucket, bound) in zip(self.buckets, self.bounds.map(\.text) + ["+Inf"]) {
            count += bucket.value
            samples.append(MetricSample(suffix: "_bucket", label: ("le", bound), number: "\(count)"))
        }
        return samples + [
            MetricSample(suffix: "_sum", number: self.sum.value.prometheusText),
            MetricSample(suffix: "_count", number: "\(count)"),
        ]
    }
}

extension Double {
    /// Whole numbers without a fraction, others as short as they can be read back.
    var prometheusText: String {
        self == self.rounded() && abs(self) < 1e15 ? "\(Int64(self))" : "\(self)"
    }
}
