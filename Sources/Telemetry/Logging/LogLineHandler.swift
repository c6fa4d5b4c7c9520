import Foundation
package import Logging

/// Writes each log statement as one line.
package struct LogLineHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let format: LogFormat
    private let output: LogOutput

    package init(label: String, format: LogFormat, level: Logger.Level, output: LogOutput = .standardError) {
        self.label = label
        self.format = format
        self.logLevel = level
        self.output = output
    }

    package func log(event: LogEvent) {
        let record = LogRecord(
            event: event,
            label: self.label,
            base: self.metadata,
            provided: self.metadataProvider?.get() ?? [:],
            timestamp: .now
        )
        self.output.write(self.format.line(record))
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }
}
