import Foundation
import Postgres
import Support
import Synchronization
import Testing

@testable import Tasks

@Suite("Turns at a row", .timeLimit(.minutes(1)))
struct RowTurnsTests {
    @Test("are one at a time for a row, whoever waits; rows do not wait for each other")
    func oneAtATime() async throws {
        let turns = RowTurns(patience: .seconds(20))
        let rows = [UUID(), UUID()]
        let inside = Inside()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                let row = rows[number % 2]
                group.addTask {
                    try await turns.take(row) {
                        #expect(inside.enter(row) == 1)
                        await Task.yield()
                        inside.leave(row)
                    }
                }
            }
            try await group.waitForAll()
        }
        try await turns.take(rows[0]) { try await turns.take(rows[1]) {} }
        #expect(turns.count == 0)
    }

    @Test("are given up when the others take too long, and when the caller is cancelled; the next comes all the same")
    func givenUp() async throws {
        let turns = RowTurns(patience: .milliseconds(50))
        let patient = RowTurns(patience: .seconds(20))
        let row = UUID()
        try await turns.take(row) {
            let error = await #expect(throws: PostgresError.self) { try await turns.take(row) {} }
            #expect(error?.code == .unavailable)
        }
        try await patient.take(row) {
            let waiter = Task { try await patient.take(row) {} }
            waiter.cancel()
            let error = await #expect(throws: PostgresError.self) { try await waiter.value }
            #expect(error?.code == .cancelled)
        }
        struct Refused: Error {}
        await #expect(throws: Refused.self) { try await turns.take(row) { throw Refused() } }
        try await turns.take(row) {}
        try await patient.take(row) {}
        #expect(turns.count == 0 && patient.count == 0)
    }
}

/// How many are inside, for each row.
private final class Inside: Sendable {
    private let counts = Mutex<[UUID: Int]>([:])

    func enter(_ row: UUID) -> Int {
        self.counts.withLock { counts in
            counts[row, default: 0] += 1
            return counts[row, default: 0]
        }
    }

    func leave(_ row: UUID) {
        self.counts.withLock { $0[row, default: 0] -= 1 }
    }
}
