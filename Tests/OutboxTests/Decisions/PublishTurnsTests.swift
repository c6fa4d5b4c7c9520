import Support
import Synchronization
import Testing

@testable import Outbox

@Suite("Turns at publishing", .timeLimit(.minutes(1)))
struct PublishTurnsTests {
    @Test("windows go together, and what goes alone has nothing beside it")
    func kinds() async {
        let turns = PublishTurns()
        let later = ContinuousClock.now + .seconds(60)
        let inside = Inside()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let kind: PublishTurns.Kind = number.isMultiple(of: 3) ? .alone : .together
                    await turns.take(kind, until: later) {
                        let beside = inside.enter(kind)
                        #expect(beside.alone + (kind == .alone ? beside.together : 0) == 0)
                        await Task.yield()
                        inside.leave(kind)
                    }
                }
            }
        }
        let both = await turns.take(.together, until: later) { await turns.take(.together, until: later) { true } }
        #expect(both == true)
    }

    @Test("who waits too long gives up, and holds up nobody behind it")
    func deadline() async {
        let turns = PublishTurns()
        let soon = ContinuousClock.now + .milliseconds(50)
        let later = ContinuousClock.now + .seconds(60)
        let window: Bool? = await turns.take(.together, until: later) {
            async let alone: Bool? = turns.take(.alone, until: soon) { true }
            // Comes behind it, or after it has given up.
            let beside: Bool? = await turns.take(.together, until: later) { true }
            #expect(await alone == nil)
            return beside == true
        }
        #expect(window == true)
        #expect(await turns.take(.alone, until: later) { true } == true)
    }
}

/// How many of each kind have their turn.
private final class Inside: Sendable {
    private let counts = Mutex((alone: 0, together: 0))

    /// How many others there are.
    func enter(_ kind: PublishTurns.Kind) -> (alone: Int, together: Int) {
        self.counts.withLock { counts in
            defer { if kind == .alone { counts.alone += 1 } else { counts.together += 1 } }
            return counts
        }
    }

    func leave(_ kind: PublishTurns.Kind) {
        self.counts.withLock { counts in
            if kind == .alone { counts.alone -= 1 } else { counts.together -= 1 }
        }
    }
}
