import Foundation
import Postgres
import Synchronization

/// Lets the writers of one row go one after the other, before each takes a connection: a row that somebody else holds keeps one
/// connection of the pool waiting, and not all.
///
/// Nothing is lost by it: the row's lock would make them take turns anyway.
final class RowTurns: Sendable {
    private struct Waiter {
        let number: UInt64
        let continuation: CheckedContinuation<Turn, Never>
    }

    private enum Turn {
        case taken, timedOut, cancelled
    }

    /// Who waits for each row that a writer has now.
    private let lines = Mutex<[UUID: [Waiter]]>([:])
    private let numbers = Atomic<UInt64>(0)
    private let patience: Duration

    /// A writer waits no longer than `patience` for its turn.
    init(patience: Duration = .seconds(1)) {
        self.patience = patience
    }

    /// How many rows have a writer.
    var count: Int { self.lines.withLock { $0.count } }

    /// Runs `body` when those who came before have had their turn at the row.
    ///
    /// - Throws: what `body` throws; `PostgresError` `.unavailable` when that took too long, `.cancelled`.
    func take<R: Sendable>(_ row: UUID, _ body: () async throws -> R) async throws -> R {
        switch await self.turn(row) {
        case .taken: break
        case .timedOut: throw PostgresError(.unavailable, reason: "other writers of the row did not end in time")
        case .cancelled: throw PostgresError(.cancelled, reason: "cancelled while waiting for other writers of the row")
        }
        defer { self.pass(row) }
        return try await body()
    }

    private func turn(_ row: UUID) async -> Turn {
        if self.lines.withLock({ Self.takeFree(row, &$0) }) { return .taken }
        let number = self.numbers.add(1, ordering: .relaxed).newValue
        // Ends with this scope, whoever comes first.
        async let _ = self.expire(row, number)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Cancellation is looked at under the lock: its handler either finds the waiter, or comes first.
                let turn = self.lines.withLock { lines -> Turn? in
                    if Task.isCancelled { return .cancelled }
                    if Self.takeFree(row, &lines) { return .taken }
                    lines[row, default: []].append(Waiter(number: number, continuation: continuation))
                    return nil
                }
                if let turn { continuation.resume(returning: turn) }
            }
        } onCancel: {
            self.leave(row, number, .cancelled)
        }
    }

    private static func takeFree(_ row: UUID, _ lines: inout [UUID: [Waiter]]) -> Bool {
        guard lines[row] == nil else { return false }
        lines[row] = []
        return true
    }

    private func expire(_ row: UUID, _ number: UInt64) async {
        // Cancelled: the waiter has its answer.
        guard (try? await Task.sleep(for: self.patience)) != nil else { return }
        self.leave(row, number, .timedOut)
    }

    /// Takes a waiter out of the line; does nothing when it has its answer already.
    private func leave(_ row: UUID, _ number: UInt64, _ turn: Turn) {
        let waiter = self.lines.withLock { lines -> Waiter? in
            guard let index = lines[row]?.firstIndex(where: { $0.number == number }) else { return nil }
            return lines[row]?.remove(at: index)
        }
        waiter?.continuation.resume(returning: turn)
    }

    /// Hands the turn to the next, or ends the line.
    private func pass(_ row: UUID) {
        let next = self.lines.withLock { lines -> Waiter? in
            guard lines[row]?.isEmpty == false else {
                lines[row] = nil
                return nil
            }
            return lines[row]?.removeFirst()
        }
        next?.continuation.resume(returning: .taken)
    }
}
