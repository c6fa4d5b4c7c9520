package import Foundation
package import Logging
package import Postgres
import ServiceLifecycle

/// Does the runs that operators ask for: queues their events again, a chunk at a time, as long as few of them wait. So a run stays behind live
/// traffic, and an outage stops it.
///
/// One runs in every relay. A run belongs to one of them, by a lease in its row, so that it goes on elsewhere when that one dies.
package struct ReplayRunner: Service {
    private static let interval = Duration.seconds(1)
    /// Another relay may have sent what was waited for.
    private static let waitInterval = Duration.milliseconds(100)
    /// There may be millions of events to look for among the dead.
    private static let countTimeout = Duration.seconds(30)
    /// More wait for one of these to finish.
    private static let mostRuns: Int32 = 4

    private let instance: UUID
    private let relay: OutboxRelay
    private let pool: PostgresPool
    private let database: PostgresConfiguration
    private let logger: Logger

    /// - Parameters:
    ///   - instance: this process.
    ///   - relay: woken for each chunk.
    ///   - pool: to look for runs.
    ///   - database: for a connection of the runner's own while there are some.
    ///   - logger: told of each run's end.
    package init(
        instance: UUID, relay: OutboxRelay, pool: PostgresPool, database: PostgresConfiguration, logger: Logger
    ) {
        self.instance = instance
        self.relay = relay
        self.pool = pool
        var database = database
        // A chunk that takes longer is made smaller. All runs together take less than their leases last: otherwise relays would take them from
        // each other, and each begin with a whole chunk.
        database.statementTimeout = .seconds(1)
        self.database = database
        self.logger = logger
    }

    fileprivate struct Run: Sendable {
        let chunk: ReplayChunk
        var position: UUID
        let bound: UUID
        var progress: ReplayProgress
        /// How often the chunk was halved, and its span with it, because it took too long or the database did not take it.
        var halvings = 0
        /// Failures in a row that may pass.
        var failures = 0
        var nextTry = ContinuousClock.now

        /// A chunk of one event that looks at one id.
        static let mostHalvings = 14
    }

    private struct State: Sendable {
        var connection: PostgresConnection?
        var runs: [UUID: Run] = [:]
        var nextLook = ContinuousClock.now
        var failures = 0
    }

    /// Runs until graceful shutdown; then its runs are free for another instance at once.
    package func run() async {
        let state = await cancelWhenGracefulShutdown {
            var state = State()
            while !Task.isCancelled {
                let pause = await self.turn(&state)
                await self.relay.replaySignal.wait(upTo: pause)
            }
            return state
        }
        await state.connection?.close()
        guard !state.runs.isEmpty else { return }
        // Otherwise another takes them when the lease has run out.
        await Farewell.say(within: .milliseconds(500)) {
            _ = try? await self.pool.query(Self.release, [.uuid(self.instance)]) { _ in }
        }
    }

    private func turn(_ state: inout State) async -> Duration {
        do {
            if state.nextLook <= .now {
                try await self.look(&state)
                state.nextLook = .now + Self.interval
            }
            var pause = state.nextLook - .now
            for id in state.runs.keys { pause = min(pause, try await self.work(id, &state)) }
            state.failures = 0
            return max(.zero, pause)
        } catch {
            guard !Task.isCancelled else { return .zero }
            // The connection's end has undone what was under way; the runs' rows say how far they are.
            await state.connection?.close()
            state = State(nextLook: .now, failures: state.failures + 1)
            if state.failures == 1 { self.logger.warning("Replays are held up, trying again", error: error) }
            return RetryPolicy().delay(afterFailures: state.failures)
        }
    }

    // MARK: Which runs

    /// Takes runs that are nobody's, renews the lease of its own, drops those that are over.
    private func look(_ state: inout State) async throws {
        let parameters: [PostgresValue] = [.uuid(self.instance), .int4(Self.mostRuns)]
        let leased: [Leased]
        if let connection = state.connection {
            leased = try await connection.perform { try $0.query(Self.lease, parameters, decode: Leased.init(row:)) }
        } else {
            leased = try await self.pool.query(Self.lease, parameters, decode: Leased.init(row:))
        }
        state.runs = state.runs.filter { id, run in leased.contains { $0.id == id && $0.position == run.position } }
        for lease in leased where state.runs[lease.id] == nil {
            let connection = try await self.connection(&state)
            let filter: EventFilter
            do {
                filter = try JSONDecoder().decode(EventFilter.self, from: Data(lease.filter.utf8))
            } catch {
                // Of a later version, perhaps.
                try await self.fail(lease.id, error, on: connection)
                continue
            }
            let waiting = try await connection.perform { session in
                try session.query(Self.waiting, [.uuid(lease.id)]) { row in try row.decode(Int64.self) }
            }
            state.runs[lease.id] = Run(
                chunk: ReplayChunk(run: lease.id, filter: filter, asNew: lease.asNew),
                position: lease.position, bound: lease.bound,
                progress: ReplayProgress(rate: lease.rate, isThrough: lease.isThrough, waiting: waiting)
            )
        }
        if state.runs.isEmpty {
            await state.connection?.close()
            state.connection = nil
        }
    }

    private func connection(_ state: inout State) async throws -> PostgresConnection {
        if let connection = state.connection { return connection }
        let connection = try await PostgresConnection.connect(self.database, logger: self.logger)
        state.connection = connection
        return connection
    }

    // MARK: One run

    /// The run's next step.
    ///
    /// - Returns: when to look at it again, unless events of it have gone before.
    private func work(_ id: UUID, _ state: inout State) async throws -> Duration {
        guard let run = state.runs[id] else { return Self.interval }
        guard run.nextTry <= .now else { return run.nextTry - .now }
        let connection = try await self.connection(&state)
        let (next, step): (Run, ReplayProgress.Step)
        do {
            (next, step) = try await connection.perform { session in try self.advance(run, in: session) }
        } catch let error as PostgresError where error.code == .server && connection.isOpen {
            // This run's own trouble: others go on.
            guard let retry = run.after(error) else {
                try await self.fail(id, error, on: connection)
                state.runs[id] = nil
                return .zero
            }
            state.runs[id] = retry
            return .zero
        }
        state.runs[id] = next
        switch step {
        case .wait(let next):
            return min(Self.waitInterval, next.map { $0 - .now } ?? Self.waitInterval)
        case .queue:
            // Unmoved: it is somebody else's, or over.
            if next.position == run.position { state.nextLook = .now }
            if next.progress.waiting.count > 0 { self.relay.wake() }
        case .finish:
            try await self.finish(id, on: connection)
            state.nextLook = .now
        }
        return .zero
    }

    // Each look-up by its key: the tables fill and empty while the run goes on, and a plan made for empty ones would be kept.
    private static let planning = ["enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off"]

    /// Looks which of its events are gone, and queues more if it may.
    private func advance(_ run: Run, in session: PostgresSession) throws -> (Run, ReplayProgress.Step) {
        var run = run
        try session.begin(locally: Self.planning[0], Self.planning[1], Self.planning[2])
        do {
            if !run.progress.waiting.isEmpty {
                run.progress.waiting = try session.query(
                    Self.stillWaiting, [.int8Array(run.progress.waiting)]
                ) { row in try row.decode(Int64.self) }
            }
            let step = run.progress.step(at: .now)
            if case .queue(let count) = step,
                let outcome = try run.chunk.queue(
                    max(1, count >> run.halvings), of: max(1, ReplayChunk.span >> run.halvings), after: run.position,
                    through: run.bound, runner: self.instance, in: session
                )
            {
                run.position = outcome.position
                run.progress.queued(outcome.places, isThrough: outcome.isThrough, at: .now)
                run.halvings = max(0, run.halvings - 1)
            }
            try session.commit()
            run.failures = 0
            return (run, step)
        } catch {
            // A lost connection has no transaction to end.
            try? session.rollback()
            throw error
        }
    }

    private func fail(_ id: UUID, _ error: any Error, on connection: PostgresConnection) async throws {
        self.logger.error("Replay failed", error: error, metadata: [Keys.run: "\(id.lowercased)"])
        _ = try await connection.perform { session in
            try session.execute(Self.failed, [.uuid(id), .text("\(error)")])
        }
    }

    /// Counts what of the run was parked, if that can be done in time, and says that it is done.
    private func finish(_ id: UUID, on connection: PostgresConnection) async throws {
        let died = try? await connection.perform { session in
            try session.transaction(statementTimeout: Self.countTimeout) {
                try session.query(Self.count, [.uuid(id)]) { row in try row.decode(Int.self) }.first
            }
        }
        let ended = try await connection.perform { session in
            try session.query(Self.end, [.uuid(id)]) { row in try row.decode(Int.self, Int.self) }
        }
        guard let (queued, skipped) = ended.first else { return }
        self.logger.notice(
            "Replay done",
            metadata: [
                Keys.run: "\(id.lowercased)", Keys.queued: "\(queued)", Keys.skipped: "\(skipped)",
                Keys.died: "\(died.flatMap(\.self).map(String.init) ?? "not counted")",
            ]
        )
    }

    private enum Keys {
        static let run = "replay.id"
        static let queued = "replay.queued"
        static let skipped = "replay.skipped"
        static let died = "replay.died"
    }
}

extension ReplayRunner.Run {
    /// The run after an error of the server's; nil when it would not pass.
    fileprivate func after(_ error: PostgresError) -> Self? {
        var run = self
        if error.sqlState == .queryCanceled || !error.isRetryable {
            // Until the event is found that it fails for: the others before it are not at fault.
            guard self.halvings < Self.mostHalvings else { return nil }
            // Quartered: a timeout is long.
            run.halvings = min(Self.mostHalvings, self.halvings + 2)
        } else {
            run.failures += 1
            run.nextTry = .now + RetryPolicy().delay(afterFailures: run.failures)
        }
        return run
    }
}

/// A run that is this instance's for some seconds.
private struct Leased {
    let id: UUID
    let filter: String
    let asNew: Bool
    let rate: Int?
    let position: UUID
    let bound: UUID
    let isThrough: Bool

    init(row: borrowing PostgresRow) throws {
        (self.id, self.filter, self.asNew, self.rate, self.position, self.bound, self.isThrough) = try row.decode(
            UUID.self, String.self, Bool.self, Int?.self, UUID.self, UUID.self, Bool.self
        )
    }
}

extension ReplayRunner {
    // SKIP LOCKED: a row that is locked has a runner at work.
    fileprivate static let lease = PostgresStatement(
        "replay.lease",
        """
        UPDATE skillrelay.replays SET runner = $1, runner_until = now() + interval '5 seconds'
        WHERE id IN (
            SELECT id FROM skillrelay.replays
            WHERE state = 'running' AND (runner = $1 OR runner_until < now())
            ORDER BY id
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id, filter::text, as_new, rate, position, bound, position >= bound
        """
    )

    fileprivate static let release = PostgresStatement(
        "replay.release",
        "UPDATE skillrelay.replays SET runner_until = '-infinity' WHERE state = 'running' AND runner = $1"
    )

    // By the index of what was queued again.
    fileprivate static let waiting = PostgresStatement(
        "replay.waiting", "SELECT seq FROM skillrelay.outbox_pending WHERE replay_id = $1 AND queued_at IS NOT NULL",
        isReadOnly: true)

    fileprivate static let stillWaiting = PostgresStatement(
        "replay.stillWaiting", "SELECT seq FROM skillrelay.outbox_pending WHERE seq = ANY($1::bigint[])",
        isReadOnly: true
    )

    fileprivate static let end = PostgresStatement(
        "replay.end",
        """
        UPDATE skillrelay.replays SET state = 'done', finished_at = now(), skipped = greatest(total - queued, 0)
        WHERE id = $1 AND state = 'running'
        RETURNING queued, skipped
        """
    )

    fileprivate static let count = PostgresStatement(
        "replay.count",
        """
        UPDATE skillrelay.replays AS r
        SET died = (
            SELECT count(*) FROM skillrelay.outbox_dead AS dead
            WHERE dead.died_at >= r.requested_at AND dead.id IN (
                SELECT unnest(coalesce(b.new_ids, b.ids)) FROM skillrelay.replay_batches AS b WHERE b.replay_id = r.id
            )
        )
        WHERE id = $1 AND state = 'running'
        RETURNING died
        """
    )

    fileprivate static let failed = PostgresStatement(
        "replay.fail",
        "UPDATE skillrelay.replays SET state = 'failed', finished_at = now(), error = $2 WHERE id = $1 AND state = 'running'"
    )
}
