import Configuration
import Logging
import Telemetry

/// How the process logs.
///
/// ## Configuration keys
///
/// - `skillrelay.logLevel` (string, default `info`): `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`.
/// - `skillrelay.logFormat` (string, default `text`): `text` or `json`.
struct LogConfiguration: Sendable {
    let level: Logger.Level
    let format: LogFormat

    init(config: ConfigReader) throws(ConfigurationError) {
        self.level = try config.choice(.logLevel)
        self.format = try config.choice(.logFormat)
    }

    /// The process's logger: one line a record, on standard error.
    func makeLogger() -> Logger {
        Logger(label: "skillrelay") { LogLineHandler(label: $0, format: self.format, level: self.level) }
    }
}
