import Logging
import Synchronization

/// Keeps everything that is logged, at every level.
final class RecordingLog: Sendable {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { self.recorded.withLock { $0 } }

    var logger: Logger {
        Logger(label: "recording") { _ in Handler(log: self) }
    }

    private struct Handler: LogHandler {
        let log: RecordingLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let error = event.error.map { " \($0)" } ?? ""
            let line = "\(event.level) \(event.message) \(self.metadata) \(event.metadata ?? [:])\(error)"
            self.log.recorded.withLock { $0.append(line) }
        }
    }
}
