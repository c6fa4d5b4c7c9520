import Postgres
import Support
import Synchronization
import Testing

@testable import Tasks

@Suite("A batcher", .timeLimit(.minutes(1)))
struct BatcherTests {
    @Test("runs an item at once while a writer is free, and lets what waits travel together, in order, up to the limit")
    func together() async throws {
        let desk = Desk(writers: 1, limit: 3)
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<6 {
                group.addTask { try await desk.batcher.submit(number) }
                // So that they come in this order.
                try await eventually("\(number) is there") {
                    number == 0 ? desk.batches.count == 1 : desk.batcher.waitingCount == number
                }
            }
            #expect(desk.batches == [[0]])
            desk.open()
            var answers: [Int] = []
            for try await answer in group { answers.append(try #require(answer)) }
            #expect(answers.sorted() == [0, 10, 20, 30, 40, 50] as [Int])
        }
        #expect(desk.batches == [[0], [1, 2, 3], [4, 5]])
        #expect(try await desk.batcher.submit(7) == 70)
        #expect(desk.batches.count == 4)
    }

    @Test("has as many statements under way as it has writers")
    func writers() async throws {
        let desk = Desk(writers: 2, limit: 10)
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<5 { group.addTask { try await desk.batcher.submit(number) } }
            try await eventually("all are there") { desk.batches.count == 2 && desk.batcher.waitingCount == 3 }
            desk.open()
            try await group.waitForAll()
        }
        #expect(desk.batches.count == 3)
        #expect(desk.most == 2)
    }

    @Test("answers each item by itself: nil for the one that was left undone")
    func undone() async throws {
        let desk = Desk(writers: 1, limit: 10)
        desk.open()
        #expect(try await desk.batcher.submit(-1) == nil)
        #expect(try await desk.batcher.submit(1) == 10)
    }

    @Test("tells everybody in a statement how it failed, and goes on with the next")
    func failure() async throws {
        let desk = Desk(writers: 1, limit: 10)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await desk.batcher.submit(1) }
            try await eventually("the first is under way") { desk.batches.count == 1 }
            for number in [2, Desk.bad, 3] {
                group.addTask {
                    await #expect(throws: Desk.Refused.self) { try await desk.batcher.submit(number) }
                }
            }
            try await eventually("the others wait") { desk.batcher.waitingCount == 3 }
            desk.open()
            try await group.waitForAll()
        }
        #expect(try await desk.batcher.submit(4) == 40)
    }

    @Test("lets a cancelled caller go: nothing has happened to one that waits, and one under way is unknown")
    func cancelled() async throws {
        let desk = Desk(writers: 1, limit: 10)
        let leader = Task { try await desk.batcher.submit(1) }
        try await eventually("the first is under way") { desk.batches.count == 1 }
        let waiter = Task { try await desk.batcher.submit(2) }
        try await eventually("it waits") { desk.batcher.waitingCount == 1 }
        waiter.cancel()
        let early = await #expect(throws: PostgresError.self) { try await waiter.value }
        #expect(early?.code == .cancelled)

        let second = Task { try await desk.batcher.submit(3) }
        try await eventually("it waits") { desk.batcher.waitingCount == 1 }
        let follower = Task { try await desk.batcher.submit(4) }
        try await eventually("so does its follower") { desk.batcher.waitingCount == 2 }
        desk.allow(1)
        try await eventually("both are under way") { desk.batches.last == [3, 4] }
        follower.cancel()
        let late = await #expect(throws: PostgresError.self) { try await follower.value }
        #expect(late?.code == .outcomeUnknown)
        desk.open()
        #expect(try await leader.value == 10)
        #expect(try await second.value == 30)
        #expect(desk.batches == [[1], [3, 4]])
    }

    @Test("lets none of a statement's callers take the others down: one that is cancelled leaves, whoever came first")
    func firstIsCancelled() async throws {
        let desk = Desk(writers: 1, limit: 10)
        let alone = Task { try await desk.batcher.submit(1) }
        try await eventually("one is under way") { desk.batches.count == 1 }
        var tasks: [Task<Int?, any Error>] = []
        for number in 2...4 {
            tasks.append(Task { try await desk.batcher.submit(number) })
            try await eventually("\(number) waits") { desk.batcher.waitingCount == tasks.count }
        }
        desk.allow(1)
        try await eventually("they are under way") { desk.batches.last == [2, 3, 4] }
        tasks[0].cancel()
        let error = await #expect(throws: PostgresError.self) { try await tasks[0].value }
        #expect(error?.code == .outcomeUnknown)
        desk.open()
        #expect(try await tasks[1].value == 30)
        #expect(try await tasks[2].value == 40)
        #expect(try await alone.value == 10)
        #expect(desk.batches.count == 2)
    }
}

/// A batcher whose statements end when they are let to.
private final class Desk: Sendable {
    struct Refused: Error {}
    /// An item that fails the statement it is in.
    static let bad = 1000

    private final class Statements: Sendable {
        struct State {
            var batches: [[Int]] = []
            var running = 0
            var most = 0
            var allowed = 0
        }

        let state = Mutex(State())

        /// Answers ten times the item, and nothing for one below zero.
        func run(_ items: [Int]) async throws -> [Int?] {
            let number = self.state.withLock { state in
                state.batches.append(items)
                state.running += 1
                state.most = max(state.most, state.running)
                return state.batches.count
            }
            defer { self.state.withLock { $0.running -= 1 } }
            try await eventually("statement \(number) may end") { self.state.withLock { $0.allowed >= number } }
            if items.contains(Desk.bad) { throw Refused() }
            return items.map { $0 < 0 ? nil : 10 * $0 }
        }
    }

    let batcher: Batcher<Int, Int>
    private let statements = Statements()

    init(writers: Int, limit: Int) {
        let statements = self.statements
        self.batcher = Batcher(writers: writers, limit: limit) { try await statements.run($0) }
    }

    /// The statements so far.
    var batches: [[Int]] { self.statements.state.withLock { $0.batches } }
    /// Statements that were under way at one time.
    var most: Int { self.statements.state.withLock { $0.most } }

    /// Lets the first `count` statements end.
    func allow(_ count: Int) { self.statements.state.withLock { $0.allowed = count } }
    /// Lets all end.
    func open() { self.allow(.max) }
}
