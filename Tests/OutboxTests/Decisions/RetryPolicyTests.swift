import Testing

@testable import Outbox

struct RetryPolicyTests {
    private let policy = RetryPolicy(base: .milliseconds(100), cap: .seconds(5))

    @Test(
        "the backoff doubles with each failure up to the cap",
        arguments: [(1, 100), (2, 200), (3, 400), (6, 3200), (7, 5000), (1000, 5000), (Int.max, 5000)]
    )
    func doubles(failures: Int, milliseconds: Int) {
        #expect(self.policy.delay(afterFailures: failures, random: 1) == .milliseconds(milliseconds))
    }

    @Test("full jitter spreads a delay over the whole backoff", arguments: [0, 0.25, 0.5, 1])
    func jitter(random: Double) {
        #expect(self.policy.delay(afterFailures: 3, random: random) == .milliseconds(400) * random)
    }
}
