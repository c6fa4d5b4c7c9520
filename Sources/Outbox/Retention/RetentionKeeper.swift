package import Logging
package import Postgres
import ServiceLifecycle

/// Removes what is older than the retention time, once an hour, in one instance at a time.
package struct RetentionKeeper: Service {
    private static let interval = Duration.seconds(3600)
    private static let firstRetry = Duration.seconds(2)
    private static let longestRetry = Duration.seconds(300)
    /// An hour or so of them.
    private static let manyFailures = 20

    private let retention: Retention
    private let database: PostgresConfiguration
    private let logger: Logger

    /// `database` is for a connection of its own, for the time that it takes.
    package init(retention: Retention, database: PostgresConfiguration, logger: Logger) {
        self.retention = retention
        var database = database
        // A slice of what is removed row by row.
        database.statementTimeout = .seconds(30)
        self.database = database
        self.logger = logger
    }

    /// Looks at once and then every hour, until graceful shutdown.
    package func run() async {
        await cancelWhenGracefulShutdown {
            var failures = 0
            var reminders = Reminders()
            while !Task.isCancelled {
                var result = Retention.Result()
                var failure: (any Error)?
                do { try await self.keep(&result) } catch { failure = error }
                guard !Task.isCancelled else { return }
                self.report(result, &reminders)
                let isDone = failure == nil && result.busy.isEmpty
                failures = isDone ? 0 : failures + 1
                // The first failures pass by themselves: somebody reads the outbox for a while.
                if failures >= Self.manyFailures, reminders.isTime(for: .failures) {
                    self.logger.warning(
                        "Old events could not be removed for long, trying again", error: failure,
                        metadata: ["retention.busy": "\(result.busy.joined(separator: " "))"]
                    )
                }
                let policy = RetryPolicy(base: Self.firstRetry, cap: Self.longestRetry)
                let pause = isDone ? Self.interval : policy.delay(afterFailures: failures)
                try? await Task.sleep(for: pause)  // cancelled: the loop ends
            }
        }
    }

    /// Does nothing when another instance is at it.
    private func keep(_ result: inout Retention.Result) async throws {
        let connection = try await PostgresConnection.connect(self.database, logger: self.logger)
        do {
            try await self.retention.run(into: &result, on: connection)
            await connection.close()
        } catch is OperationError {
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// What is said again once a day only.
    private struct Reminders {
        enum Subject { case failures, kept }
        private var said: [Subject: ContinuousClock.Instant] = [:]

        mutating func isTime(for subject: Subject) -> Bool {
            if let last = self.said[subject], .now - last < .seconds(86_400) { return false }
            self.said[subject] = .now
            return true
        }
    }

    private func report(_ result: Retention.Result, _ reminders: inout Reminders) {
        for day in result.dropped {
            self.logger.info("Partition dropped", metadata: ["retention.day": "\(day)"])
        }
        let rows = result.events + result.deliveries + result.discarded + result.replays
        if rows > 0 { self.logger.info("Old rows removed", metadata: ["retention.rows": "\(rows)"]) }
        if !result.kept.isEmpty, reminders.isTime(for: .kept) {
            self.logger.warning(
                "Days older than the retention time are kept: they have pending or dead events, or are being replayed",
                metadata: ["retention.days": "\(result.kept.joined(separator: " "))"]
            )
        }
    }
}
