import Postgres
import Synchronization

/// Lets what waits for a writer travel together in its next statement, so that a commit is paid for once.
///
/// No timer and nothing to run: who finds a writer free uses it at once, alone; when a statement ends, the writer goes to everybody who
/// waits. A statement of several is nobody's own: none of them takes the others down with it when its task is cancelled.
final class Batcher<Item: Sendable, Output: Sendable>: Sendable {
    private typealias Continuation = CheckedContinuation<Turn, Never>

    private enum Turn {
        /// Has a writer for itself.
        case alone
        case ended(Result<Output?, any Error>)
    }

    private struct Member {
        let number: UInt64
        let item: Item
    }

    private struct Waiter {
        let member: Member
        let continuation: Continuation
    }

    private struct State {
        var writers = 0
        var waiting: [Waiter] = []
        /// Those whose statement is under way with others.
        var travelling: [UInt64: Continuation] = [:]
    }

    private let state = Mutex(State())
    private let numbers = Atomic<UInt64>(0)
    private let writers: Int
    private let limit: Int
    private let run: @Sendable ([Item]) async throws -> [Output?]

    /// - Parameters:
    ///   - writers: statements under way at one time, at most.
    ///   - limit: items in a statement, at most.
    ///   - run: runs one statement; answers for each item, in order, nil for one that it left undone.
    init(writers: Int, limit: Int, run: @escaping @Sendable ([Item]) async throws -> [Output?]) {
        self.writers = writers
        self.limit = limit
        self.run = run
    }

    /// How many wait for a writer.
    var waitingCount: Int { self.state.withLock { $0.waiting.count } }

    /// Runs the item in the next statement.
    ///
    /// - Returns: nil when the statement left it undone.
    /// - Throws: what `run` throws, for all of a statement's items alike; `PostgresError` `.cancelled` when the calling task was cancelled
    ///   before the statement, `.outcomeUnknown` when it was cancelled while a statement had the item with others.
    func submit(_ item: Item) async throws -> Output? {
        switch await self.turn(item) {
        case .ended(let result): return try result.get()
        case .alone:
            defer { self.pass() }
            return try await self.run([item])[0]
        }
    }

    /// Runs a statement of several, hands the writer on, and only then has the time to answer them all.
    private func travel(_ members: [Member]) async {
        do {
            let outputs = try await self.run(members.map(\.item))
            self.pass()
            for (member, output) in zip(members, outputs) { self.end(member, .success(output)) }
        } catch {
            self.pass()
            for member in members { self.end(member, .failure(error)) }
        }
    }

    private func turn(_ item: Item) async -> Turn {
        if self.state.withLock({ self.takeWriter(&$0) }) { return .alone }
        let number = self.numbers.add(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Cancellation is looked at under the lock: its handler either finds the waiter, or comes first.
                let turn = self.state.withLock { state -> Turn? in
                    if Task.isCancelled { return .ended(.failure(Self.cancelledBefore)) }
                    if self.takeWriter(&state) { return .alone }
                    state.waiting.append(Waiter(member: Member(number: number, item: item), continuation: continuation))
                    return nil
                }
                if let turn { continuation.resume(returning: turn) }
            }
        } onCancel: {
            self.leave(number)
        }
    }

    private func takeWriter(_ state: inout State) -> Bool {
        guard state.writers < self.writers else { return false }
        state.writers += 1
        return true
    }

    private func end(_ member: Member, _ result: Result<Output?, any Error>) {
        let continuation = self.state.withLock { $0.travelling.removeValue(forKey: member.number) }
        continuation?.resume(returning: .ended(result))
    }

    private enum Next {
        case nobody
        case one(Continuation)
        case several([Member])
    }

    /// Hands the writer on, or gives it back.
    private func pass() {
        let next = self.state.withLock { state -> Next in
            let waiters = state.waiting.prefix(self.limit)
            state.waiting.removeFirst(waiters.count)
            guard let first = waiters.first else {
                state.writers -= 1
                return .nobody
            }
            guard waiters.count > 1 else { return .one(first.continuation) }
            for waiter in waiters { state.travelling[waiter.member.number] = waiter.continuation }
            return .several(waiters.map(\.member))
        }
        switch next {
        case .nobody: break
        case .one(let continuation): continuation.resume(returning: .alone)
        // A task of its own, because the requests' may be cancelled. It lasts as long as its statement may; a pool that stops waits for it.
        case .several(let members): Task { await self.travel(members) }
        }
    }

    /// The caller no longer waits; does nothing when it has its answer, or a writer.
    private func leave(_ number: UInt64) {
        let (continuation, error) = self.state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.member.number == number }) else {
                return (state.travelling.removeValue(forKey: number), Self.cancelledUnderWay)
            }
            return (state.waiting.remove(at: index).continuation, Self.cancelledBefore)
        }
        continuation?.resume(returning: .ended(.failure(error)))
    }

    private static var cancelledBefore: PostgresError {
        PostgresError(.cancelled, reason: "cancelled while waiting for a writer")
    }

    private static var cancelledUnderWay: PostgresError {
        PostgresError(.outcomeUnknown, reason: "cancelled while its statement ran")
    }
}
