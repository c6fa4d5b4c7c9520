import Configuration
import Outbox

extension RelayConfiguration {
    /// How the relay works.
    ///
    /// ## Configuration keys
    ///
    /// - `skillrelay.pollIntervalMs` (integer, milliseconds, default 250): from 10 to 60000.
    /// - `skillrelay.batchSize` (integer, default 256): from 1 to 1000 events.
    /// - `skillrelay.relayLanes` (integer, default 2): from 1 to 8 batches under way at one time.
    init(config: ConfigReader) throws(ConfigurationError) {
        self.init()
        self.pollInterval = try config.milliseconds(.pollInterval, in: 10...60_000)
        self.batchSize = try config.integer(.batchSize, in: 1...1000)
        self.lanes = try config.integer(.relayLanes, in: 1...8)
    }
}
