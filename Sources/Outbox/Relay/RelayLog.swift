import Logging
import Postgres

/// What the relay tells of its work.
struct RelayLog {
    let logger: Logger

    func failed(_ error: any Error, failures: Int, delay: Duration, owed: Int, isNew: Bool) {
        self.logger.log(
            level: isNew ? .warning : .debug,
            "Relay failed, trying again",
            error: error,
            metadata: [Keys.failures: "\(failures)", Keys.delay: "\(delay)", Keys.owed: "\(owed)"]
        )
    }

    func stayOwed(_ error: any Error, count: Int) {
        self.logger.warning(
            "Confirmed events stay pending, and go out again",
            error: error,
            metadata: [Keys.owed: "\(count)"]
        )
    }

    func settled(_ settlement: Settlement) {
        self.logger.debug(
            "Batch settled",
            metadata: [
                Keys.delivered: "\(settlement.delivered.count)", Keys.retried: "\(settlement.retries.count)",
                Keys.dead: "\(settlement.dead.count)",
            ]
        )
        for (destination, reason) in settlement.failing {
            self.logger.warning(
                "Destination fails, its events wait",
                metadata: [
                    Keys.exchange: "\(destination.exchange)", Keys.routingKey: "\(destination.routingKey)",
                    Keys.reason: "\(reason)",
                ]
            )
        }
        for destination in settlement.recovered.keys {
            self.logger.notice(
                "Destination is back",
                metadata: [
                    Keys.exchange: "\(destination.exchange)", Keys.routingKey: "\(destination.routingKey)",
                ]
            )
        }
        for dead in settlement.dead {
            self.logger.error(
                "Event parked as dead",
                metadata: [
                    Keys.event: "\(dead.id.lowercased)", Keys.attempts: "\(dead.attempts)",
                    Keys.reason: "\(dead.error)",
                ]
            )
        }
    }

    private enum Keys {
        static let failures = "relay.failures"
        static let delay = "relay.delay"
        static let owed = "relay.owed"
        static let delivered = "batch.delivered"
        static let retried = "batch.retried"
        static let dead = "batch.dead"
        static let exchange = "destination.exchange"
        static let routingKey = "destination.routing_key"
        static let reason = "outbox.reason"
        static let event = "event.id"
        static let attempts = "event.attempts"
    }
}
