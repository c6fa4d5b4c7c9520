/// Capped exponential backoff with full jitter: many instances that lose one server do not come back at once.
struct Backoff: Sendable {
    var base: Duration = .milliseconds(200)
    var cap: Duration = .seconds(5)
    /// Even a lucky draw leaves the server, and the log, time to breathe.
    var floor: Duration = .milliseconds(20)

    /// The pause after `failures` failures in a row, at `random` (0 to 1) of its range.
    func delay(failures: Int, random: Double) -> Duration {
        let doublings = min(max(failures - 1, 0), 16)
        let range = min(self.cap, self.base * (1 << doublings))
        return max(self.floor, range * random)
    }
}
