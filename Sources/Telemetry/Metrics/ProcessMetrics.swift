import Foundation
import Metrics

/// What the kernel knows of this process, under the names that every Prometheus client library uses.
///
/// Related Prometheus documentation: <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>
package struct ProcessMetrics: Sendable {
    package static let descriptions = [
        MetricDescription(
            "process.cpu", .counter, unit: "seconds", prefix: "",
            help: "Processor time that the process has taken, in the kernel too."),
        MetricDescription(
            "process.resident.memory", .gauge, unit: "bytes", prefix: "", help: "Memory that the process has in RAM."),
        MetricDescription("process.open.fds", .gauge, prefix: "", help: "File descriptors that the process has open."),
        MetricDescription(
            "process.start.time", .gauge, unit: "seconds", prefix: "",
            help: "When the process started, in seconds since 1970."),
    ]

    private let processorTime = Meter(label: "process.cpu")
    private let residentMemory = Meter(label: "process.resident.memory")
    private let openFiles = Meter(label: "process.open.fds")

    package init() {
        Meter(label: "process.start.time").set(Date.now.timeIntervalSince1970.rounded())
    }

    /// Reads the numbers; what cannot be read keeps its last value.
    package func update() {
        // The second field, in brackets, may hold anything (proc(5)).
        let stat = (try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8))?.split(separator: ") ").last
        let fields = stat?.split(separator: " ") ?? []
        guard fields.count > 21 else { return }
        let ticks = fields[11...12].compactMap { Double($0) }.reduce(0, +)
        self.processorTime.set(ticks / Double(sysconf(Int32(_SC_CLK_TCK))))
        if let pages = Double(fields[21]) { self.residentMemory.set(pages * Double(sysconf(Int32(_SC_PAGESIZE)))) }
        let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        if let files { self.openFiles.set(files) }
    }
}
