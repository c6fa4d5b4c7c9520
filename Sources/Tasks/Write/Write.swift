import Foundation
import Postgres

/// A change to the database that is made by `perform`, wholly or not at all.
///
/// When the reply to its commit is lost it is looked for and, unless it is there, run again on a fresh connection. So that this cannot
/// happen twice, the id of a row by which it is known is drawn when the value is made, before the first run: the primary key refuses
/// the later of two runs, in whichever order the server gets to them.
package struct Write<Value: Sendable>: Sendable {
    let pool: PostgresPool
    /// The row that its statements lock, and the line of those who write it.
    var locks: (row: UUID, turns: RowTurns)?
    /// It commits by itself then, in one round trip.
    let isOneStatement: Bool
    /// How long each statement of its transaction may take, if that is not what the pool allows.
    var statementTimeout: Duration?
    /// Makes the change together with others', in one statement, if there is such a way: nil when that left it undone. It is run alone
    /// then, and also when that statement fails, because the fault may be another's.
    var runTogether: (@Sendable () async throws -> Value?)?
    /// Its statements, run inside a transaction unless it is one.
    let run: @Sendable (PostgresSession) throws -> Value
    /// What an earlier run has committed; nil where there is nothing, or nothing that only this write can have left.
    let find: @Sendable (PostgresSession) throws -> Value?
    /// Called after the commit.
    var onCommit: @Sendable (Value) -> Void = { _ in }
    /// Makes the write anew when its run has thrown `StaleWrite`.
    var renew: (@Sendable () async throws -> Write<Value>)?

    /// Makes the change.
    ///
    /// - Throws: what the store's method says, and nothing was changed; `PostgresError` `.outcomeUnknown` when the task was cancelled
    ///   before it was known what became of the change, or when the database refuses to tell.
    package func perform() async throws -> Value {
        try await self.renewing { write in try await write.performAsMade() }
    }

    private func performAsMade() async throws -> Value {
        let value = try await self.inTurn {
            var attempts = Attempts()
            do {
                if let value = try await self.runTogether?() { return value }
            } catch let error as PostgresError {
                try attempts.followBatch(failed: error)
            }
            return try await self.pool.attempt(attempts) { session, isInDoubt in
                if isInDoubt, let value = try self.findDurable(session) { return value }
                guard !self.isOneStatement else { return try self.run(session) }
                return try session.transaction(statementTimeout: self.statementTimeout) { try self.run(session) }
            }
        }
        self.onCommit(value)
        return value
    }

    /// Makes the change unless it was made under the same key before, and keeps its answer in the same transaction.
    ///
    /// - Parameters:
    ///   - key: what the sender calls the request.
    ///   - answer: makes the answer to be kept; called on the connection's thread.
    /// - Returns: the answer now made, or the one kept.
    /// - Throws: as `perform()`; `TasksError.idempotencyKeyReused`, `TasksError.idempotencyKeyInUse`.
    package func perform(
        once key: IdempotencyKey,
        answer: @Sendable (Value) -> StoredAnswer
    ) async throws -> StoredAnswer {
        try await self.renewing { write in try await write.performAsMade(once: key, answer: answer) }
    }

    private func performAsMade(
        once key: IdempotencyKey,
        answer: @Sendable (Value) -> StoredAnswer
    ) async throws -> StoredAnswer {
        let result: (value: Value?, answer: StoredAnswer)
        do {
            result = try await self.inTurn {
                try await self.pool.attempt { session, _ in
                    try session.transaction(statementTimeout: self.statementTimeout) {
                        if let stored = try key.claim(in: session) { return (nil, stored) }
                        let value = try self.run(session)
                        let answer = answer(value)
                        try key.store(answer, in: session)
                        return (value, answer)
                    }
                }
            }
        } catch let error as PostgresError where key.isHeldByAnother(error) {
            throw TasksError.idempotencyKeyInUse
        }
        if let value = result.value { self.onCommit(value) }
        return result.answer
    }

    /// What is found can be read, and may yet be lost in a failover: when the server was started anew, or told to stop waiting for its
    /// synchronous standby, it shows what that standby does not have. A commit of our own, behind it, waits for both.
    private func findDurable(_ session: PostgresSession) throws -> Value? {
        try session.transaction {
            guard let value = try self.find(session) else { return nil }
            try session.execute(Self.writeNothing)
            return value
        }
    }

    // A transaction waits at its commit if it has written to the log: a record that nobody reads is the least there is.
    private static var writeNothing: PostgresStatement {
        PostgresStatement("writes.nothing", "SELECT pg_logical_emit_message(true, 'skillrelay', '')")
    }

    private func renewing<R>(_ body: (Write<Value>) async throws -> R) async throws -> R {
        var write = self
        while true {
            do {
                return try await body(write)
            } catch let error as StaleWrite {
                guard let renew = write.renew else { throw error }
                write = try await renew()
            }
        }
    }

    private func inTurn<R: Sendable>(_ body: () async throws -> R) async throws -> R {
        guard let locks = self.locks else { return try await body() }
        return try await locks.turns.take(locks.row, body)
    }
}

/// Nothing was changed: what a write was prepared with is no longer so.
struct StaleWrite: Error {}
