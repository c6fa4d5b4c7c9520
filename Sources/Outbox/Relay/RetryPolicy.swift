/// When to try again: exponential backoff with full jitter, capped.
///
/// Full jitter spreads those who failed together; see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
package struct RetryPolicy: Sendable {
    package var base: Duration
    package var cap: Duration

    package init(base: Duration = .milliseconds(100), cap: Duration = .seconds(5)) {
        self.base = base
        self.cap = cap
    }

    /// How long to wait before the next try.
    ///
    /// - Parameters:
    ///   - failures: how many there were in a row, 1 or more.
    ///   - random: 0 to 1, drawn anew each time.
    /// - Returns: zero to the backoff of that many failures.
    package func delay(afterFailures failures: Int, random: Double = .random(in: 0...1)) -> Duration {
        // 2^30 times any base is over any cap; the bound keeps the shift from overflowing.
        let doublings = min(max(failures, 1) - 1, 30)
        return min(self.cap, self.base * (1 << doublings)) * random
    }
}
