import Synchronization
import Testing

@testable import Telemetry

@Suite("A reading that is kept", .timeLimit(.minutes(1)))
struct CachedReadingTests {
    private struct Broken: Error {}

    /// Counts readings, and holds them up on request.
    private final class Source: Sendable {
        private let state = Mutex((count: 0, isOpen: true))

        var count: Int { self.state.withLock { $0.count } }
        var isOpen: Bool {
            get { self.state.withLock { $0.isOpen } }
            set { self.state.withLock { $0.isOpen = newValue } }
        }

        @Sendable func read() async throws -> Int {
            let count = self.state.withLock { state in
                state.count += 1
                return state.count
            }
            while !self.isOpen { try await Task.sleep(for: .milliseconds(1)) }
            return count
        }
    }

    @Test("is read once, however often it is asked for, until its time is over")
    func lifetime() async throws {
        let source = Source()
        let reading = CachedReading(lifetime: .milliseconds(50), limit: .seconds(10), share: 2, read: source.read)
        for _ in 0..<100 where source.count < 2 { #expect(try await reading.current()?.result.get() == source.count) }
        try await Task.sleep(for: .milliseconds(50))
        let before = source.count
        #expect(try await reading.current()?.result.get() == before + 1)
    }

    @Test("one caller reads; the others get the last reading meanwhile, or nothing if there is none")
    func oneReader() async throws {
        let source = Source()
        let reading = CachedReading(lifetime: .zero, limit: .seconds(10), share: 1, read: source.read)
        source.isOpen = false
        async let first = reading.current()
        while source.count < 1 { await Task.yield() }
        #expect(await reading.current() == nil)
        source.isOpen = true
        #expect(try await first?.result.get() == 1)
        source.isOpen = false
        async let second = reading.current()
        while source.count < 2 { await Task.yield() }
        #expect(try await reading.current()?.result.get() == 1)
        source.isOpen = true
        #expect(try await second?.result.get() == 2)
    }

    @Test("a reading that takes too long has failed, and is not begun again at once")
    func limit() async throws {
        let source = Source()
        source.isOpen = false
        let reading = CachedReading(lifetime: .zero, limit: .milliseconds(20), share: 1000, read: source.read)
        for _ in 0..<3 {
            let result = try #require(await reading.current()?.result)
            #expect(throws: ReadingTimeout.self) { try result.get() }
        }
        #expect(source.count == 1)
    }

    @Test("an error is a reading like another; those in a row are counted")
    func failure() async throws {
        let reading = CachedReading<Int>(lifetime: .seconds(60), limit: .seconds(10), share: 1) { throw Broken() }
        let result = try #require(await reading.current()?.result)
        #expect(throws: Broken.self) { try result.get() }
        let source = Source()
        let second = CachedReading(lifetime: .zero, limit: .seconds(10), share: 1) {
            let count = try await source.read()
            if count != 3 { throw Broken() }
        }
        for failures in [1, 2, 0, 1] { #expect(await second.current()?.failures == failures) }
    }

    @Test("a failure is kept for five seconds at most, however long it has taken and may be kept")
    func failureLifetime() async throws {
        let source = Source()
        let reading = CachedReading(lifetime: .seconds(60), limit: .seconds(10), share: 1000) {
            _ = try await source.read()
            throw Broken()
        }
        _ = await reading.current()
        let end = ContinuousClock.now
        while source.count < 2 {
            _ = await reading.current()
            try await Task.sleep(for: .milliseconds(20))
        }
        let kept = ContinuousClock.now - end
        #expect(kept > .seconds(4) && kept < .seconds(10), "\(kept)")
    }
}
