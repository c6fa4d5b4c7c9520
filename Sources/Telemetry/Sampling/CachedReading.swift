import Synchronization

/// Something that costs to find out and that anybody may ask for: read by one caller at a time, and kept for a while.
package final class CachedReading<Value: Sendable>: Sendable {
    package struct Reading: Sendable {
        package let result: Result<Value, any Error>
        package let duration: Duration
        /// How many in a row have failed, this one with them.
        package let failures: Int
        fileprivate let end: ContinuousClock.Instant
    }

    /// Nobody is told longer than this of a failure that has passed.
    private static var longestFailure: Duration { .seconds(5) }

    private struct State {
        var last: Reading?
        var isReading = false
    }

    private let state = Mutex(State())
    private let lifetime: Duration
    private let limit: Duration
    private let share: Int
    private let read: @Sendable () async throws -> Value

    /// - Parameters:
    ///   - lifetime: how long a reading is good, at least.
    ///   - limit: how long a reading may take; then it is cancelled and has failed.
    ///   - share: reading takes no more than one part in so many of the time, however many ask, unless it fails.
    ///   - read: reads. Must obey cancellation.
    package init(
        lifetime: Duration, limit: Duration, share: Int, read: @escaping @Sendable () async throws -> Value
    ) {
        self.lifetime = lifetime
        self.limit = limit
        self.share = share
        self.read = read
    }

    /// A good reading, or the last one while another caller reads; nil when that is the first.
    package func current() async -> Reading? {
        let (last, isMine) = self.state.withLock { state -> (Reading?, Bool) in
            if state.isReading { return (state.last, false) }
            if let last = state.last, self.isGood(last) { return (last, false) }
            state.isReading = true
            return (state.last, true)
        }
        guard isMine else { return last }
        let begin = ContinuousClock.now
        let result = await self.readInTime()
        let end = ContinuousClock.now
        let failures = if case .failure = result { (last?.failures ?? 0) + 1 } else { 0 }
        let reading = Reading(result: result, duration: end - begin, failures: failures, end: end)
        self.state.withLock { $0 = State(last: reading) }
        return reading
    }

    private func isGood(_ reading: Reading) -> Bool {
        var lifetime = max(self.lifetime, reading.duration * (self.share - 1))
        if reading.failures > 0 { lifetime = min(lifetime, Self.longestFailure) }
        return ContinuousClock.now - reading.end < lifetime
    }

    private func readInTime() async -> Result<Value, any Error> {
        await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                do { return .success(try await self.read()) } catch { return .failure(error) }
            }
            group.addTask {
                try? await Task.sleep(for: self.limit)  // cancelled: there is a reading
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? .failure(ReadingTimeout(limit: self.limit))
        }
    }
}

package struct ReadingTimeout: Error, CustomStringConvertible {
    let limit: Duration

    package var description: String { "there was no answer within \(self.limit)" }
}
