package import Logging
package import Postgres
import ServiceLifecycle

/// Makes the outbox's daily partitions ahead of time. A missing one fails nothing: its events go to the default partition and move when
/// the partition is made.
package struct PartitionKeeper: Service {
    private static let daysAhead: Int32 = 7
    private static let interval = Duration.seconds(3600)
    private static let retryInterval = Duration.seconds(30)

    private let pool: PostgresPool
    private let logger: Logger

    package init(pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
    }

    /// Looks at once and then every hour, until graceful shutdown.
    package func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let pause = await self.keep()
                try? await Task.sleep(for: pause)  // cancelled: the loop ends
            }
        }
    }

    private func keep() async -> Duration {
        do {
            let made = try await self.pool.query(Self.ensure, [.int4(Self.daysAhead)]) { row in try row.decode(Int.self)
            }
            if let count = made.first, count > 0 {
                self.logger.notice("Partitions made ahead", metadata: ["partitions.made": "\(count)"])
            }
            return Self.interval
        } catch {
            guard !Task.isCancelled else { return .zero }
            self.logger.warning("Partitions could not be made ahead, trying again", error: error)
            return Self.retryInterval
        }
    }

    private static let ensure = PostgresStatement("outbox.ensurePartitions", "SELECT skillrelay.ensure_partitions($1)")
}
