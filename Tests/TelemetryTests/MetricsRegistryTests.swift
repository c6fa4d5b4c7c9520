import Metrics
import Testing

@testable import Telemetry

@Suite("Metrics and their text")
struct MetricsRegistryTests {
    private let registry = MetricsRegistry([
        MetricDescription("things.made", .counter, labels: ["kind", "place"], help: "Things made,\nwith a \\ in it."),
        MetricDescription("things.kept", .gauge, unit: "bytes", help: "Things kept."),
        MetricDescription("thing.duration", .histogram(bounds: [0.001, 0.5, 2]), unit: "seconds", help: "Time."),
        MetricDescription("thing.size", .histogram(bounds: [1, 10]), prefix: "", help: "Size."),
    ])

    private func measure(_ body: () -> Void) -> String {
        withMetricsFactory(self.registry, body)
        return self.registry.exposition()
    }

    @Test("a counter is exposed with its unit, its help, and its labels in order, escaped")
    func counter() {
        let text = self.measure {
            Counter(label: "things.made", dimensions: [("kind", "b"), ("place", "x")]).increment(by: 2)
            Counter(label: "things.made", dimensions: [("kind", "a\"\\\n"), ("place", "y")]).increment()
            // The same once more.
            Counter(label: "things.made", dimensions: [("kind", "b"), ("place", "x")]).increment()
        }
        #expect(
            text == #"""
                # HELP skillrelay_things_made_total Things made,\nwith a \\ in it.
                # TYPE skillrelay_things_made_total counter
                skillrelay_things_made_total{kind="a\"\\\n",place="y"} 1
                skillrelay_things_made_total{kind="b",place="x"} 3

                """#)
    }

    @Test("a gauge is set, raised and lowered, and has no line while its value is not known")
    func gauge() {
        let gauge = withMetricsFactory(self.registry) { Meter(label: "things.kept") }
        #expect(self.registry.exposition() == "")
        gauge.set(3)
        gauge.increment(by: 1.5)
        gauge.decrement(by: 1)
        #expect(self.registry.exposition().hasSuffix("\nskillrelay_things_kept_bytes 3.5\n"))
        gauge.set(Double.nan)
        #expect(self.registry.exposition() == "")
    }

    @Test("a timer becomes a histogram in seconds with cumulative buckets, a value on a bound below it")
    func timer() {
        let text = self.measure {
            let timer = Timer(label: "thing.duration")
            timer.recordNanoseconds(1_000_000)
            timer.record(duration: .milliseconds(2))
            timer.record(duration: .seconds(3))
        }
        #expect(
            text == """
                # HELP skillrelay_thing_duration_seconds Time.
                # TYPE skillrelay_thing_duration_seconds histogram
                skillrelay_thing_duration_seconds_bucket{le="0.001"} 1
                skillrelay_thing_duration_seconds_bucket{le="0.5"} 2
                skillrelay_thing_duration_seconds_bucket{le="2"} 2
                skillrelay_thing_duration_seconds_bucket{le="+Inf"} 3
                skillrelay_thing_duration_seconds_sum 3.003
                skillrelay_thing_duration_seconds_count 3

                """)
    }

    @Test("a recorder becomes a histogram in its own unit")
    func recorder() {
        let text = self.measure {
            let recorder = Recorder(label: "thing.size")
            recorder.record(10)
            recorder.record(11)
        }
        #expect(text.contains("thing_size_bucket{le=\"10\"} 1\nthing_size_bucket{le=\"+Inf\"} 2\nthing_size_sum 21\n"))
    }

    @Test("what is not described is measured without effect: another name, another label, another kind")
    func undescribed() {
        let text = self.measure {
            Counter(label: "things.lost").increment()
            Counter(label: "things.made").increment()
            Counter(label: "things.made", dimensions: [("place", "x"), ("kind", "b")]).increment()
            Meter(label: "thing.duration").set(1)
            Timer(label: "things.kept").recordSeconds(1)
        }
        #expect(text == "")
    }

    @Test("nothing is lost when many count at once")
    func concurrency() async {
        let (counter, timer) = withMetricsFactory(self.registry) {
            (
                Counter(label: "things.made", dimensions: [("kind", "a"), ("place", "b")]),
                Timer(label: "thing.duration")
            )
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        timer.recordSeconds(1)
                    }
                }
            }
        }
        let text = self.registry.exposition()
        #expect(text.contains("} 8000\n"))
        #expect(text.contains("_sum 8000\n"))
    }
}
