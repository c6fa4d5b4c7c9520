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
        self.tell("Destination is back", of: settlement.recovered.keys)
        self.parked(settlement.dead)
    }

    func parked(_ events: [Settlement.Dead]) {
        for dead in events {
            self.logger.error(
                "Event parked as dead",
                metadata: [
                    Keys.event: "\(dead.id.lowercased)", Keys.attempts: "\(dead.attempts)",
                    Keys.reason: "\(dead.error)",
                ]
            )
        }
    }

    func changed(_ change: RelayMemory.HoldChange) {
        if let everything = change.everything {
            self.logger.notice(everything ? "Paused by an operator" : "Resumed by an operator")
        }
        self.tell("Destination paused by an operator", of: change.held)
        self.tell("Destination resumed by an operator", of: change.released)
    }

    private func tell(_ message: Logger.Message, of destinations: some Sequence<Destination>) {
        for destination in destinations {
            self.logger.notice(
                message,
                metadata: [
                    Keys.exchange: "\(destination.exchange)", Keys.routingKey: "\(destination.routingKey)",
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
