import Foundation
import Postgres
import Support
import Synchronization
import Testing

@testable import Outbox

@Suite("Replays, on a real database", .timeLimit(.minutes(2)))
struct ReplayTests {
    @Test("every delivered event that fits goes out once more, under its id and marked with the run's")
    func delivered() async throws {
        try await withTestDatabase { database in
            try await database.deliver(1000)
            try await database.deliver(10, key: "other")
            let publisher = ScriptedPublisher()
            let asked = try await database.replay(.replay, .fixture((.routingKey, "k")))
            let run = try await database.finish(asked, publisher)
            #expect(run.state == "done" && run.total == 1000 && run.queued == 1000 && run.skipped == 0 && run.died == 0)
            let sent = publisher.published
            #expect(sent.count == 1000 && Set(sent.map(\.id)).count == 1000)
            #expect(sent.allSatisfy { $0.replayID?.lowercased == run.id && $0.routingKey == "k" && !$0.maybeSent })
            let noted = try await database.ids("SELECT unnest(ids) FROM skillrelay.replay_batches")
            #expect(noted.count == 1000 && Set(noted) == Set(sent.map(\.id)))
            let action = try #require(try await database.actions().first)
            #expect(action.action == "replay" && action.by == "ann" && action.reason == "a test")
        }
    }

    @Test("it is the events of the filter's time, and none that is written after it was asked for")
    func range() async throws {
        try await withTestDatabase { database in
            try await database.deliver(5)
            let since = try await database.value("SELECT now()", as: PostgresTimestamp.self)
            try await database.deliver(5)
            let second = try await database.ids().suffix(5)
            let run = try await database.replay(
                .replay, .fixture((.since, String(decoding: since.rfc3339, as: UTF8.self))))
            try await database.deliver(5)
            let publisher = ScriptedPublisher()
            let done = try await database.finish(run, publisher)
            #expect(done.total == 5 && done.queued == 5)
            #expect(Set(publisher.published.map(\.id)) == Set(second))
        }
    }

    @Test("few events wait at a time, so that a live one finds no more than two batches before it")
    func bounded() async throws {
        try await withTestDatabase { database in
            try await database.deliver(3000)
            let most = Mutex(0)
            let publisher = ScriptedPublisher(beforeAnswer: {
                // A question that fails leaves no figure, and the test must not pass for that.
                let pending = (try? await database.pendingCount()) ?? .max
                most.withLock { $0 = max($0, pending) }
            })
            let run = try await database.finish(try await database.replay(), publisher)
            #expect(run.queued == 3000)
            let pending = most.withLock { $0 }
            #expect(pending >= ReplayProgress.chunk && pending <= ReplayProgress.mostWaiting)
        }
    }

    @Test("a rate is kept")
    func rate() async throws {
        try await withTestDatabase { database in
            try await database.deliver(100)
            let start = ContinuousClock.now
            let run = try await database.finish(try await database.replay(rate: 50))
            #expect(run.queued == 100 && run.rate == 50)
            let took = ContinuousClock.now - start
            #expect(took > .milliseconds(1700) && took < .seconds(10))
        }
    }

    @Test("as new, each event is written again: an id of its own, its headers, and what it is a replay of")
    func asNew() async throws {
        try await withTestDatabase { database in
            try await database.script(
                #"SELECT skillrelay.enqueue('e', 'k', 'body', '{"traceparent": "00-a"}', 'T') FROM generate_series(1, 3)"#
            )
            try await running(try database.relay(ScriptedPublisher())) {
                try await eventually("all are delivered") { try await database.pendingCount() == 0 }
            }
            let originals = try await database.ids()
            let publisher = ScriptedPublisher()
            let run = try await database.finish(try await database.replay(asNew: true), publisher)
            #expect(run.queued == 3 && run.asNew)
            #expect(try await database.ids().count == 6)
            let sent = publisher.published
            #expect(Set(sent.map(\.id)).isDisjoint(with: originals) && sent.allSatisfy { $0.replayID != nil })
            #expect(sent.allSatisfy { $0.payload == Array("body".utf8) && $0.type == "T" })
            let headers = try sent.map { try JSONDecoder().decode([String: String].self, from: Data($0.headers.utf8)) }
            #expect(headers.allSatisfy { $0["traceparent"] == "00-a" })
            #expect(Set(headers.compactMap { $0["x-replay-of"] }) == Set(originals.map(\.lowercased)))
            let pairs = try await database.values(
                """
                SELECT count(*) FROM skillrelay.replay_batches AS b, unnest(b.ids, b.new_ids) AS pair (old, new)
                JOIN skillrelay.outbox AS o ON o.id = pair.new AND o.headers ->> 'x-replay-of' = pair.old::text
                """, as: Int.self)
            #expect(pairs == [3])
        }
    }

    @Test("a header more than fits is a reason to skip an event, not to fail")
    func asNewTooLarge() async throws {
        try await withTestDatabase { database in
            try await database.script(
                """
                SELECT skillrelay.enqueue('e', 'k', '', jsonb_build_object('h', repeat('x', n)))
                FROM unnest('{1, 65500}'::int[]) AS n
                """)
            try await running(try database.relay(ScriptedPublisher())) {
                try await eventually("all are delivered") { try await database.pendingCount() == 0 }
            }
            let run = try await database.finish(try await database.replay(asNew: true))
            #expect(run.state == "done" && run.queued == 1 && run.skipped == 1)
        }
    }

    @Test("a retry takes dead events back, attempts forgotten and in doubt; what dies again is counted")
    func retry() async throws {
        try await withTestDatabase { database in
            try await database.deliver(3)
            try await database.enqueue(4, key: "bad")
            try await database.park()
            let publisher = ScriptedPublisher { $0.payload == Array("1".utf8) ? .eventFault("poison") : .delivered }
            let run = try await database.finish(try await database.replay(.retry), publisher)
            #expect(run.kind == "retry" && run.total == 4 && run.queued == 4 && run.died == 1)
            #expect(publisher.published.allSatisfy { $0.routingKey == "bad" && $0.maybeSent })
            #expect(publisher.published.first?.attempts == 0)
            #expect(try await database.value("SELECT count(*) FROM skillrelay.outbox_dead", as: Int.self) == 1)
            #expect(try await database.actions().first?.action == "retry")
        }
    }

    @Test("the events of a few among very many are found")
    func few() async throws {
        try await withTestDatabase { database in
            try await database.script(
                """
                INSERT INTO skillrelay.outbox (id, exchange, routing_key, payload)
                SELECT skillrelay.uuid7(), 'e', CASE WHEN n % 9000 = 0 THEN 'rare' ELSE 'k' END, ''
                FROM generate_series(1, 45000) AS n
                """)
            let publisher = ScriptedPublisher()
            let run = try await database.finish(
                try await database.replay(.replay, .fixture((.routingKey, "rare"))), publisher)
            #expect(run.queued == 5 && publisher.published.count == 5)
        }
    }

    @Test("events that are named one by one must exist, and be neither pending nor discarded")
    func named() async throws {
        try await withTestDatabase { database in
            try await database.deliver(2)
            let delivered = try await database.ids()
            try await database.enqueue(1)
            let pending = try await database.ids("SELECT id FROM skillrelay.outbox_pending")[0]
            await #expect(throws: OperationError.conflict("event \(pending.lowercased) is pending and on its way")) {
                try await database.replay(.replay, .fixture((.id, pending.lowercased)))
            }
            let unknown = EventID.next()
            await #expect(throws: OperationError.notFound("there is no event \(unknown.lowercased)")) {
                try await database.replay(.replay, .fixture((.id, "\(delivered[0].lowercased),\(unknown.lowercased)")))
            }
            await #expect(throws: OperationError.conflict("event \(delivered[0].lowercased) is delivered")) {
                try await database.replay(.retry, .fixture((.id, delivered[0].lowercased)))
            }
            #expect(try await database.value("SELECT count(*) FROM skillrelay.replays", as: Int.self) == 0)
            let publisher = ScriptedPublisher()
            let run = try await database.finish(
                try await database.replay(.replay, .fixture((.id, delivered[1].lowercased))), publisher)
            #expect(run.queued == 1)
            #expect(publisher.published.filter { $0.replayID != nil }.map(\.id) == [delivered[1]])
        }
    }

    @Test("a request that makes no sense, or that nothing fits, writes nothing")
    func refused() async throws {
        try await withTestDatabase { database in
            await #expect(throws: OperationError.notFound("no event fits")) { try await database.replay() }
            try await database.enqueue(1)
            await #expect(throws: OperationError.notFound("no event fits")) { try await database.replay() }
            await #expect(
                throws: OperationError.invalid("a replay takes no pending events: these events are on their way")
            ) {
                try await database.replay(.replay, .fixture((.state, "pending")))
            }
            await #expect(throws: OperationError.invalid("a retry takes no delivered events")) {
                try await database.replay(.retry, .fixture((.state, "delivered")))
            }
            await #expect(throws: OperationError.self) { try await database.replay(rate: 0) }
            await #expect(throws: OperationError.self) { try await database.replay(.retry, asNew: true) }
            #expect(throws: OperationError.invalid("the reason is missing")) { try Attribution(by: "ann", reason: " ") }
            #expect(try await database.actions().isEmpty)
        }
    }

    @Test("two operators at once: an event that is pending again for one run is skipped by the other, and none is lost")
    func twoOperators() async throws {
        try await withTestDatabase { database in
            try await database.deliver(600)
            let runs = [try await database.replay(), try await database.replay()]
            let publisher = ScriptedPublisher()
            let pool = try database.pool()
            let relays = [try database.relay(publisher), try database.relay(publisher)]
            try await running(
                pool, relays[0], relays[1], try database.runner(relays[0], pool: pool),
                try database.runner(relays[1], pool: pool)
            ) {
                try await eventually("both are over", within: .seconds(30)) {
                    let states = [try await database.run(runs[0]), try await database.run(runs[1])]
                    return states.allSatisfy(\.isFinished)
                }
            }
            let ends = [try await database.run(runs[0]), try await database.run(runs[1])]
            #expect(ends.allSatisfy { $0.state == "done" && $0.queued + $0.skipped == 600 })
            let sent = publisher.published
            #expect(sent.count == ends.map(\.queued).reduce(0, +) && Set(sent.map(\.id)).count == 600)
        }
    }

    @Test("a cancelled run queues nothing more, and cannot be cancelled twice")
    func cancel() async throws {
        try await withTestDatabase { database in
            try await database.deliver(2000)
            let run = try await database.replay(rate: 100)
            let id = try #require(UUID(uuidString: run.id))
            let pool = try database.pool()
            let relay = try database.relay(ScriptedPublisher())
            try await running(pool, relay, try database.runner(relay, pool: pool)) {
                try await eventually("it is under way") { try await database.run(run).queued > 0 }
                let cancelled = try await database.connection.perform { session in
                    try Replay.cancel(id, .fixture(), in: session)
                }
                #expect(cancelled.state == "cancelled" && cancelled.cancelledBy == "ann")
                try await eventually("what was queued has gone out") { try await database.pendingCount() == 0 }
                #expect(try await database.run(run).queued == cancelled.queued)
                await #expect(throws: OperationError.conflict("run \(run.id) is cancelled")) {
                    try await database.connection.perform { session in try Replay.cancel(id, .fixture(), in: session) }
                }
            }
            await #expect(throws: OperationError.self) {
                try await database.connection.perform { session in
                    try Replay.cancel(EventID.next(), .fixture(), in: session)
                }
            }
        }
    }

    @Test("while the broker takes nothing a run waits, and live events go out before it is through")
    func behindLiveTraffic() async throws {
        try await withTestDatabase { database in
            try await database.deliver(2000)
            let publisher = ScriptedPublisher()
            publisher.isReady = false
            let run = try await database.replay()
            let pool = try database.pool()
            let relay = try database.relay(publisher)
            try await running(pool, relay, try database.runner(relay, pool: pool)) {
                try await eventually("it waits") {
                    try await database.pendingCount() == ReplayProgress.mostWaiting
                }
                try await database.enqueue(1, key: "live")
                publisher.isReady = true
                try await eventually("it is done", within: .seconds(30)) { try await database.run(run).isFinished }
            }
            let place = try #require(publisher.published.firstIndex { $0.routingKey == "live" })
            // And the batch that another lane has under way.
            #expect(place <= ReplayProgress.mostWaiting + 256)
            #expect(publisher.published.count == 2001)
        }
    }

    @Test("a runner that is gone is followed by another, which goes on where it was")
    func takenOver() async throws {
        try await withTestDatabase { database in
            try await database.deliver(1500)
            let run = try await database.replay()
            // As a killed process leaves it: some are queued, some of them sent, and the lease has not run out.
            let first = ScriptedPublisher()
            let pool = try database.pool()
            let relay = try database.relay(first)
            let gone = UUID()
            try await running(pool, relay, try database.runner(relay, pool: pool, instance: gone)) {
                try await eventually("it is under way") { first.published.count >= 300 }
            }
            try await database.script(
                """
                UPDATE skillrelay.replays SET runner = '\(gone)', runner_until = now() + interval '1 second'
                WHERE state = 'running'
                """)
            let second = ScriptedPublisher()
            let done = try await database.finish(run, second)
            #expect(done.queued == 1500)
            let sent = (first.published + second.published).map(\.id)
            #expect(sent.count == 1500 && Set(sent).count == 1500)
        }
    }

    @Test("thousands of events by their ids, each named twice, go out once, in a few chunks")
    func manyIDs() async throws {
        try await withTestDatabase { database in
            try await database.script(
                """
                INSERT INTO skillrelay.outbox (id, exchange, routing_key, payload)
                SELECT skillrelay.uuid7(), 'e', 'k', '' FROM generate_series(1, 5000)
                """)
            let ids = try await database.ids().map(\.lowercased).joined(separator: ",")
            let start = ContinuousClock.now
            let publisher = ScriptedPublisher()
            let run = try await database.finish(
                try await database.replay(.replay, .fixture((.id, ids), (.id, ids))), publisher)
            #expect(run.total == 5000 && run.queued == 5000 && publisher.published.count == 5000)
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test(
        "a run that cannot go on fails and says why, after what it could do; the others go on",
        arguments: [false, true])
    func failed(filterIsUnknown: Bool) async throws {
        try await withTestDatabase { database in
            try await database.deliver(600)
            try await database.deliver(300, key: "other")
            let broken = try await database.replay(.replay, .fixture((.routingKey, "k")), asNew: true)
            let sound = try await database.replay(.replay, .fixture((.routingKey, "other")))
            if filterIsUnknown {
                try await database.script(
                    "UPDATE skillrelay.replays SET filter = '{\"state\": [\"lost\"]}' WHERE id = '\(broken.id)'")
            } else {
                // Which no check of the outbox takes any more.
                try await database.script(
                    """
                    UPDATE skillrelay.outbox SET type = 'old'
                    WHERE id = (SELECT id FROM skillrelay.outbox WHERE routing_key = 'k' ORDER BY id OFFSET 400 LIMIT 1);
                    ALTER TABLE skillrelay.outbox ADD CHECK (type <> 'old') NOT VALID
                    """)
            }
            let pool = try database.pool()
            let relay = try database.relay(ScriptedPublisher())
            let runner = try database.runner(relay, pool: pool)
            let state = try await running(pool, relay, runner) {
                try await eventually("one is done") { try await database.run(sound).state == "done" }
                return try await eventually("the other has failed") {
                    try await database.values(
                        "SELECT concat_ws(' ', state, queued, error) FROM skillrelay.replays WHERE state = 'failed'",
                        as: String.self
                    ).first
                }
            }
            #expect(try await database.run(sound).queued == 300)
            #expect(state.hasPrefix(filterIsUnknown ? "failed 0 state: \"lost\"" : "failed 400 "))
            #expect(filterIsUnknown || state.contains("23514"))
        }
    }

    @Test("what is discarded while a retry is under way is not sent, and neither waits for the other for ever")
    func discardBesideRetry() async throws {
        try await withTestDatabase { database in
            try await database.enqueue(10)
            try await database.park()
            let run = try await database.replay(.retry)
            let publisher = ScriptedPublisher()
            try await withTestConnection(to: database.url) { other in
                let lost = try await database.ids("SELECT id FROM skillrelay.outbox_dead ORDER BY id LIMIT 4")
                try await other.perform { session in
                    try session.begin()
                    try session.execute(
                        PostgresStatement(
                            "test.discard", "DELETE FROM skillrelay.outbox_dead WHERE id = ANY($1::uuid[])"),
                        [.uuidArray(lost)])
                }
                let end = try await database.finish(run, publisher)
                try await other.perform { session in try session.commit() }
                #expect(end.queued == 6 && end.skipped == 4)
                #expect(publisher.published.count == 6)
                #expect(publisher.published.allSatisfy { !lost.contains($0.id) && $0.maybeSent })
            }
            #expect(try await database.value("SELECT count(*) FROM skillrelay.outbox_dead", as: Int.self) == 0)
        }
    }

    @Test("what takes too long is done in smaller steps")
    func slow() async throws {
        try await withTestDatabase { database in
            try await database.deliver(100)
            // Each event that is queued takes a while, so that all of them take longer than a statement may.
            try await database.script(
                """
                CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
                CREATE TRIGGER slow BEFORE INSERT ON skillrelay.outbox_pending FOR EACH ROW
                    WHEN (NEW.replay_id IS NOT NULL) EXECUTE FUNCTION slow()
                """)
            let run = try await database.replay()
            let pool = try database.pool()
            let relay = try database.relay(ScriptedPublisher())
            let runner = try database.runner(relay, pool: pool)
            try await running(pool, relay, runner) {
                try await eventually("it is done", within: .seconds(30)) { try await database.run(run).isFinished }
            }
            let end = try await database.run(run)
            #expect(end.state == "done" && end.queued == 100)
        }
    }

    @Test("events with ids of the future, or of any kind, can be retried")
    func anyID() async throws {
        try await withTestDatabase { database in
            let ids = ["00000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"]
            for id in ids {
                try await database.script("SELECT skillrelay.enqueue_as('\(id)', 'e', 'k', '', '{}', NULL)")
            }
            try await database.park()
            let publisher = ScriptedPublisher()
            let run = try await database.finish(try await database.replay(.retry), publisher)
            #expect(run.queued == 2 && Set(publisher.published.map(\.id.lowercased)) == Set(ids))
            // Under new ids it would be a run without end.
            let again = try await database.finish(try await database.replay(asNew: true))
            #expect(again.total == 1 && again.queued == 1)
        }
    }

    @Test("as new, large events are written again a few at a time")
    func large() async throws {
        try await withTestDatabase { database in
            try await database.script(
                """
                INSERT INTO skillrelay.outbox (id, exchange, routing_key, payload)
                SELECT skillrelay.uuid7(), 'e', 'k', decode(repeat('00', 1048576), 'hex') FROM generate_series(1, 40) AS n
                """)
            let run = try await database.finish(try await database.replay(asNew: true))
            #expect(run.queued == 40)
            let largest = try await database.value(
                "SELECT max(cardinality(ids)) FROM skillrelay.replay_batches", as: Int.self)
            #expect(largest == 8)
        }
    }

    @Test("a chunk looks each event up by its keys, however many are pending")
    func plan() async throws {
        try await withTestDatabase { database in
            try await database.deliver(1000)
            let run = try await database.replay()
            try await database.script("ANALYZE")
            try await database.enqueue(20_000)
            let pool = try database.pool()
            let relay = try database.relay(ScriptedPublisher())
            let before = try await Self.scans(database)
            let publisher = ScriptedPublisher()
            publisher.isReady = false
            try await running(pool, try database.relay(publisher), try database.runner(relay, pool: pool)) {
                try await eventually("some are queued") { try await database.run(run).queued == 512 }
            }
            try await eventually("the server has counted") {
                try await database.value(
                    "SELECT n_tup_ins >= 21512 FROM pg_stat_user_tables WHERE relname = 'outbox_pending'", as: Bool.self
                )
            }
            // Some may be to find what waits of the run; one an event would be hundreds.
            let scans = try await Self.scans(database) - before
            #expect(scans < 10, "\(scans) scans")
        }
    }

    private static func scans(_ database: TestDatabase) async throws -> Int64 {
        try await database.value(
            "SELECT coalesce(sum(seq_scan), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'outbox_pending'")
    }

    @Test("two runners that both believe to have a run queue each of its events once")
    func rivals() async throws {
        try await withTestDatabase { database in
            try await database.deliver(600)
            let run = try await database.replay()
            let (id, runner) = (try #require(UUID(uuidString: run.id)), UUID())
            try await database.script("UPDATE skillrelay.replays SET runner = '\(runner)'")
            let bound = try await database.value("SELECT bound FROM skillrelay.replays", as: UUID.self)
            let start = try await database.value("SELECT position FROM skillrelay.replays", as: UUID.self)
            let chunk = ReplayChunk(run: id, filter: run.filter, asNew: false)
            let pool = try database.pool()
            let queued = try await running(pool) {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            try await pool.perform { session in
                                try chunk.queue(
                                    256, of: 1000, after: start, through: bound, runner: runner, in: session)?.places
                                    .count
                                    ?? 0
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(queued.sorted() == [0, 256])
            #expect(try await database.pendingCount() == 256)
        }
    }
}
