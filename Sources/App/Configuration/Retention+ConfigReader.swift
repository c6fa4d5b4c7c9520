import Configuration
import Outbox

extension Retention {
    /// How long the history is kept.
    ///
    /// ## Configuration keys
    ///
    /// - `skillrelay.retentionDays` (integer, default 30): from 1 to 3650.
    init(config: ConfigReader) throws(ConfigurationError) {
        self.init(days: try config.integer(.retentionDays, in: Self.allowedDays))
    }
}
