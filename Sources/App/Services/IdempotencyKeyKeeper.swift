import Logging
import ServiceLifecycle
import Tasks

/// Removes idempotency keys that have expired. Until then they do no harm: an expired key counts as unused.
struct IdempotencyKeyKeeper: Service {
    private static let interval = Duration.seconds(60)

    let keys: IdempotencyKeyStore
    let logger: Logger

    /// Looks at once and then every minute, until graceful shutdown.
    func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.purge()
                try? await Task.sleep(for: Self.interval)  // cancelled: the loop ends
            }
        }
    }

    private func purge() async {
        do {
            var removed = 0
            repeat { removed = try await self.keys.purgeChunk() } while removed == IdempotencyKeyStore.chunk
        } catch {
            guard !Task.isCancelled else { return }
            self.logger.info("Expired idempotency keys could not be removed, trying again", error: error)
        }
    }
}
