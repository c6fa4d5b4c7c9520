import Postgres
import Synchronization

/// Lets what waits for a writer travel together in its next statement, so that a commit is paid for once.
///
/// No timer and nothing to run: who finds a writer free leads at once, alone; who ends a statement hands the writer to the one that has
/// waited longest, together with everybody behind it.
final class Batcher<Item: Sendable, Output: Sendable>: Sendable {
    private typealias Continuation = CheckedContinuation<Turn, Never>

    private enum Turn {
        /// Runs the statement, for itself and for these.
        case lead([Follower])
        case ended(Result<Output?, any Error>)
    }

    private struct Follower {
        let number: UInt64
        let item: Item
    }

    private struct Waiter {
        let follower: Follower
        let continuation: Continuation
    }

    private struct State {
        var writers = 0
        var waiting: [Waiter] = []
        /// Followers whose statement is under way.
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
    ///   before the statement, `.outcomeUnknown` when it was cancelled while another's statement had the item with it.
    func submit(_ item: Item) async throws -> Output? {
        switch await self.turn(item) {
        case .ended(let result): return try result.get()
        case .lead(let followers):
            defer { self.pass() }
            return try await self.lead(item, followers)
        }
    }

    private func lead(_ item: Item, _ followers: [Follower]) async throws -> Output? {
        do {
            let outputs = try await self.run([item] + followers.map(\.item))
            for (follower, output) in zip(followers, outputs.dropFirst()) { self.end(follower, .success(output)) }
            return outputs[0]
        } catch {
            for follower in followers { self.end(follower, .failure(error)) }
            throw error
        }
    }

    private func turn(_ item: Item) async -> Turn {
        if self.state.withLock({ self.takeWriter(&$0) }) { return .lead([]) }
        let number = self.numbers.add(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Cancellation is looked at under the lock: its handler either finds the waiter, or comes first.
                let turn = self.state.withLock { state -> Turn? in
                    if Task.isCancelled { return .ended(.failure(Self.cancelledBefore)) }
                    if self.takeWriter(&state) { return .lead([]) }
                    let follower = Follower(number: number, item: item)
                    state.waiting.append(Waiter(follower: follower, continuation: continuation))
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

    private func end(_ follower: Follower, _ result: Result<Output?, any Error>) {
        let continuation = self.state.withLock { $0.travelling.removeValue(forKey: follower.number) }
        continuation?.resume(returning: .ended(result))
    }

    /// Hands the writer on, or gives it back.
    private func pass() {
        let next = self.state.withLock { state -> (leader: Continuation, followers: [Follower])? in
            guard let leader = state.waiting.first else {
                state.writers -= 1
                return nil
            }
            let others = state.waiting.dropFirst().prefix(self.limit - 1)
            for other in others { state.travelling[other.follower.number] = other.continuation }
            let followers = others.map(\.follower)
            state.waiting.removeFirst(1 + followers.count)
            // The leader has its item at hand.
            return (leader.continuation, followers)
        }
        next?.leader.resume(returning: .lead(next?.followers ?? []))
    }

    /// The caller no longer waits; does nothing when it has its answer, or leads.
    private func leave(_ number: UInt64) {
        let (continuation, error) = self.state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.follower.number == number }) else {
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
