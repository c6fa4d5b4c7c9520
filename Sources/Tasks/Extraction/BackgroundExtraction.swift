import Foundation
package import Logging
import Outbox
import Postgres
import ServiceLifecycle

/// Extracts tasks of queued sessions: of this process's as soon as a message is stored, and of those that others, or a crash, have left.
package struct BackgroundExtraction: Service {
    private static let interval = Duration.seconds(1)
    private static let page = 16

    private let queue: ExtractionQueue
    private let extractor: TaskExtractor
    private let logger: Logger

    package init(queue: ExtractionQueue, extractor: TaskExtractor, logger: Logger) {
        self.queue = queue
        self.extractor = extractor
        self.logger = logger
    }

    /// Runs until graceful shutdown.
    package func run() async {
        await cancelWhenGracefulShutdown {
            var failures = 0
            while !Task.isCancelled {
                let pause: Duration
                do {
                    pause = try await self.round() ? .zero : Self.interval
                    failures = 0
                } catch {
                    guard !Task.isCancelled else { return }
                    failures += 1
                    if failures == 1 { self.logger.info("Tasks cannot be extracted, trying again", error: error) }
                    pause = RetryPolicy().delay(afterFailures: failures)
                }
                await self.queue.signal.wait(upTo: pause)
            }
        }
    }

    /// Looks at each session that is due once.
    ///
    /// - Returns: whether there is more to do at once.
    /// - Throws: `PostgresError` when it is the database's fault.
    private func round() async throws -> Bool {
        var hasMore = false
        var last: ExtractionQueue.Entry?
        repeat {
            let entries = try await self.queue.due(after: last, limit: Self.page)
            for entry in entries { hasMore = try await self.extract(entry) || hasMore }
            last = entries.count == Self.page ? entries.last : nil
        } while last != nil
        return hasMore
    }

    /// What fails for one session is put off, and stops no other.
    private func extract(_ entry: ExtractionQueue.Entry) async throws -> Bool {
        do {
            switch try await self.extractor.extract(entry.session) {
            case .more: return true
            case .done, .busy: return false
            case .heldUp:
                _ = try await self.queue.postpone(entry.session, error: "the parts of a message are not there")
                return false
            }
        } catch let error as PostgresError where error.code != .server && error.code != .decoding {
            throw error
        } catch {
            guard !Task.isCancelled else { throw error }
            let attempts = try await self.queue.postpone(entry.session, error: "\(error)")
            if attempts == 1 {
                self.logger.warning(
                    "Tasks of a session cannot be extracted, trying again", error: error,
                    metadata: ["session.id": "\(entry.session.lowercased)"]
                )
            }
            return false
        }
    }
}
