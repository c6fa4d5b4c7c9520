import Foundation
import Outbox
import Postgres
import Support
import Testing

@testable import API

@Suite("The operator's API (PostgreSQL)", .timeLimit(.minutes(2)))
struct OperatorTests {
    private struct Items<Item: Decodable>: Decodable { let items: [Item] }
    private struct Event: Decodable {
        let id: String
        let state: String
    }
    private struct Page: Decodable {
        let items: [Event]
        let has_more: Bool
        let next_cursor: String?
    }
    private struct Run: Decodable {
        let id: String
        let kind: String
        let state: String
        let total: Int
        let requested_by: String
    }
    private struct Count: Decodable { let count: Int }

    private static let unknown = "019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90"

    private func events(_ count: Int, _ api: APIFixture) async throws {
        try await api.database.script(
            "SELECT skillrelay.enqueue('e', 'k', convert_to(n::text, 'UTF8')) FROM generate_series(1, \(count)) AS n")
    }

    private func park(_ api: APIFixture) async throws {
        try await api.database.script(
            """
            WITH parked AS (DELETE FROM skillrelay.outbox_pending RETURNING id)
            INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) SELECT id, 5, 'poison' FROM parked
            """)
    }

    @Test("without a token set there is no such path; with one, only that token opens it")
    func token() async throws {
        try await withAPI { api in
            try expect(try await api.operator.send("GET", "/admin/v1/stats"), 404, "page not found")
        }
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            #expect(try await api.operator.send("GET", "/admin/v1/stats").status == 200)
            let token = APIFixture.operatorToken
            for header in [
                nil, "", "Bearer", "Bearer ", "Bearer \(token.dropLast())", "Bearer \(token)x", "bearer \(token)",
                token,
                "Basic \(token)", "Bearer \(api.token)", "Bearer  \(token)",
            ] {
                let headers = header.map { ["authorization": $0] } ?? [:]
                for (method, path) in [("GET", "/admin/v1/stats"), ("POST", "/admin/v1/purge")] {
                    let answer = try await HTTPProbe(port: api.port).send(method, path, headers: headers)
                    try expect(answer, 401, "Unauthorized", "\(header ?? "none")")
                    #expect(answer.headers["www-authenticate"] == "Bearer")
                }
            }
            // Nor is it a project's.
            try expect(try await api.operator.send("GET", "/api/v1/ping"), 401, "Unauthorized")
            try expect(try await api.operator.send("GET", "/admin/v1/nothing"), 404, "page not found")
            try expect(try await api.operator.send("DELETE", "/admin/v1/stats"), 405, "method not allowed")
        }
    }

    @Test("it shows what there is: stats, events page by page, one event's story, the books")
    func looking() async throws {
        struct Stats: Decodable {
            struct Pending: Decodable { let count: Int }
            let pending: Pending
        }
        struct Story: Decodable {
            let event: Event
        }
        struct Books: Decodable {
            let committed: Int
            let missing: Count
        }
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            try await self.events(3, api)
            let client = api.operator
            #expect(try await client.send("GET", "/admin/v1/stats").data(as: Stats.self).pending.count == 3)
            let first = try await client.send("GET", "/admin/v1/events?state=pending,dead&limit=2&order=oldest")
                .data(as: Page.self)
            #expect(first.items.count == 2 && first.has_more)
            let cursor = try #require(first.next_cursor)
            let rest = try await client.send("GET", "/admin/v1/events?order=oldest&cursor=\(cursor)").data(
                as: Page.self)
            #expect(rest.items.count == 1 && !rest.has_more)
            let id = rest.items[0].id
            #expect(try await client.send("GET", "/admin/v1/events/\(id)").data(as: Story.self).event.id == id)
            #expect(
                try await client.send("GET", "/admin/v1/events?id=\(id)&since=1h").data(as: Page.self).items.count == 1)
            let none = try await client.send("GET", "/admin/v1/events?error=%22no%22+way").data(as: Page.self)
            #expect(none.items.isEmpty && !none.has_more)
            let books = try await client.send("GET", "/admin/v1/verify?since=1h").data(as: Books.self)
            #expect(books.committed == 3 && books.missing.count == 0)
        }
    }

    @Test(
        "it does what the command line does: dry run, retry, cancel, discard, pause, resume, purge; and all of it is kept"
    )
    func changing() async throws {
        struct Pause: Decodable {
            let exchange: String?
            let reason: String
        }
        struct Action: Decodable {
            let action: String
            let by: String
        }
        struct Discarded: Decodable { let discarded: Int }
        struct Removed: Decodable { let dropped: [String] }
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            let client = api.operator
            func post(_ path: String, _ body: String) async throws -> HTTPAnswer {
                try await client.send("POST", "/admin/v1/\(path)", body: body)
            }
            try await self.events(2, api)
            try await self.park(api)
            let dry = try await post("retry", #"{"dry_run": true, "filter": {"error": "poison"}}"#)
            #expect(try dry.data(as: Count.self).count == 2)
            let run = try await post("retry", #"{"reason": "mended", "by": "ann"}"#).data(as: Run.self, status: 201)
            #expect(run.kind == "retry" && run.state == "running" && run.total == 2 && run.requested_by == "ann")
            #expect(
                try await client.send("GET", "/admin/v1/replays").data(as: Items<Run>.self).items.map(\.id) == [run.id])
            let cancelled = try await post("replays/\(run.id)/cancel", #"{"reason": "not yet"}"#).data(as: Run.self)
            #expect(cancelled.state == "cancelled")
            #expect(try await client.send("GET", "/admin/v1/replays/\(run.id)").data(as: Run.self).state == "cancelled")
            #expect(
                try await post("discard", #"{"reason": "test data"}"#).data(as: Discarded.self).discarded == 2)

            let pause = #"{"exchange": "", "routing_key": "k", "reason": "upgrade"}"#
            #expect(try await post("pause", pause).data(as: Items<Pause>.self).items.map(\.exchange) == [""])
            let everything = try await post("pause", #"{"reason": "all"}"#).data(as: Items<Pause>.self).items
            #expect(everything.map(\.exchange) == [nil, ""])
            #expect(try await post("resume", #"{"reason": "go on"}"#).data(as: Items<Pause>.self).items.count == 1)
            #expect(try await client.send("GET", "/admin/v1/pauses").data(as: Items<Pause>.self).items.count == 1)

            try await api.database.script(
                "SELECT skillrelay.make_partition((now() AT TIME ZONE 'UTC')::date - 10)")
            let would = try await post("purge", #"{"days": 7, "dry_run": true}"#).data(as: Removed.self)
            #expect(would.dropped.count == 1)
            try expect(
                try await post("purge", #"{"days": 7, "reason": "disk"}"#), 409,
                #"7 days are fewer than the 30 that are set: say "yes": true"#)
            let removed = try await post("purge", #"{"days": 7, "reason": "disk", "yes": true}"#).data(as: Removed.self)
            #expect(removed.dropped == would.dropped)

            let actions = try await client.send("GET", "/admin/v1/actions?limit=10").data(as: Items<Action>.self).items
            #expect(actions.map(\.action) == ["purge", "resume", "pause", "pause", "discard", "cancel", "retry"])
            #expect(Set(actions.map(\.by)) == ["ann", "operator API"])
        }
    }

    @Test("many events want a yes")
    func confirmation() async throws {
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            try await self.events(1001, api)
            try await self.park(api)
            for verb in ["replay", "retry", "discard"] {
                let answer = try await api.operator.send("POST", "/admin/v1/\(verb)", body: #"{"reason": "r"}"#)
                try expect(answer, 409, #"1001 events: say "yes": true to change more than 1000"#, verb)
            }
            let sure = try await api.operator.send("POST", "/admin/v1/retry", body: #"{"reason": "r", "yes": true}"#)
            #expect(sure.status == 201)
        }
    }

    @Test("what makes no sense, is unknown, or does not fit is refused in words, and changes nothing")
    func refused() async throws {
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            try await self.events(1, api)
            let id = try await api.database.value("SELECT id::text FROM skillrelay.outbox", as: String.self)
            let fields = "state, since, until, project, session, task, type, exchange, error, id, routing_key"
            for (path, status, message) in [
                (
                    "events?since=yesterday", 400,
                    #"since: "yesterday" is no time such as 2026-11-23T00:00:00Z, or 90s, 15m, 2h or 7d ago"#
                ),
                ("events?stat=dead", 400, #""stat" is none of \#(fields), order, limit, cursor"#),
                ("events?state=deadd", 400, #"state: "deadd" is none of pending, dead, discarded, delivered"#),
                ("events?type=%", 400, "the query has an escape that is none"),
                ("events?type=%FF", 400, "the query has an escape that is none"),
                ("events?type=%00", 400, "type: is longer than 1024 bytes, or has a NUL in it"),
                ("events?limit=0", 400, "limit: is no integer from 1 to 500"),
                ("events?limit=99999999999999999999", 400, "limit: is no integer from 1 to 500"),
                ("events?cursor=7", 400, "cursor: is no id"),
                ("events?order=up", 400, "order: is none of newest, oldest"),
                ("events?since=1h&until=2h", 400, "until: is not after since: no event would fit"),
                ("events/7", 400, "id: is no id"), ("events/\(Self.unknown)", 404, "there is no event \(Self.unknown)"),
                ("replays/\(Self.unknown)", 404, "there is no run \(Self.unknown)"), ("replays/x", 400, "id: is no id"),
                ("replays?limit=1001", 400, "limit: is no integer from 1 to 1000"),
                ("stats?x", 400, #""x" is no parameter"#),
            ] as [(String, Int, String)] {
                try expect(try await api.operator.send("GET", "/admin/v1/\(path)"), status, message, path)
            }
            for (path, body, status, message) in [
                ("replay", "", 400, "the body is no JSON object"), ("replay", "[]", 400, "the body is no JSON object"),
                ("replay", "{\"reason\": \"r\"", 400, "the body is no JSON object"),
                (
                    "replay", #"{"reason": "r", "dryrun": true}"#, 400,
                    #""dryrun" is none of as_new, filter, rate, dry_run, yes, reason, by"#
                ),
                ("replay", #"{"dry_run": "yes"}"#, 400, "dry_run: is no boolean"),
                ("replay", #"{"reason": "r", "rate": 1.5}"#, 400, "rate: is no integer"),
                ("replay", #"{"reason": "r", "rate": 0}"#, 400, "a rate is from 1 to 100000 events a second"),
                ("replay", #"{"filter": {"stat": "dead"}, "reason": "r"}"#, 400, #"stat: is none of \#(fields)"#),
                ("replay", #"{"filter": "dead", "reason": "r"}"#, 400, "filter: is no object"),
                ("replay", "{}", 400, "the reason is missing"),
                (
                    "replay", #"{"filter": {"state": "pending"}, "reason": "r"}"#, 400,
                    "a replay takes no pending events: these events are on their way"
                ),
                (
                    "replay", #"{"filter": {"id": "\#(id)"}, "reason": "r"}"#, 409,
                    "event \(id) is pending and on its way"
                ),
                ("replay", #"{"reason": "r"}"#, 404, "no event fits"),
                (
                    "retry", #"{"as_new": true}"#, 400,
                    #""as_new" is none of filter, rate, dry_run, yes, reason, by"#
                ),
                ("discard", #"{"reason": "r"}"#, 404, "no dead event fits"),
                ("purge", #"{"reason": "r", "days": 0}"#, 400, "days: is no integer from 1 to 3650"),
                ("pause", #"{"exchange": "e", "reason": "r"}"#, 400, "a destination is exchange and routing_key"),
                ("resume", #"{"reason": "r"}"#, 409, "the whole relay is not paused"),
                ("replays/\(Self.unknown)/cancel", #"{"reason": "r"}"#, 404, "there is no run \(Self.unknown)"),
            ] as [(String, String, Int, String)] {
                let answer = try await api.operator.send("POST", "/admin/v1/\(path)", body: body)
                try expect(answer, status, message, "\(path) \(body)")
            }
            #expect(try await api.database.value("SELECT count(*) FROM skillrelay.actions", as: Int.self) == 0)
        }
    }

    @Test("as many requests at once as may be are served, one more is told to come again, and clients do not notice")
    func atOnce() async throws {
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            try await withTestConnection(to: api.database.url) { blocker in
                try await blocker.perform { session in
                    try session.script("BEGIN; LOCK TABLE skillrelay.actions IN ACCESS EXCLUSIVE MODE")
                }
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<OperatorDatabase.mostAtOnce {
                        group.addTask { try await api.operator.send("GET", "/admin/v1/actions").status }
                    }
                    try await eventually("all wait for the table") {
                        try await api.database.value(
                            "SELECT count(*) FROM pg_locks WHERE relation = 'skillrelay.actions'::regclass AND NOT granted",
                            as: Int.self) == OperatorDatabase.mostAtOnce
                    }
                    let answer = try await api.operator.send("GET", "/admin/v1/stats")
                    try expect(
                        answer, 503, "too many operators' requests at once, nothing was changed: retry")
                    #expect(answer.headers["retry-after"] == "1")
                    #expect(try await api.client.send("GET", "/api/v1/ping").status == 200)
                    try await blocker.perform { session in try session.rollback() }
                    for try await status in group { #expect(status == 200) }
                }
                #expect(try await api.operator.send("GET", "/admin/v1/actions").status == 200)
            }
        }
    }

    @Test("what takes longer than a statement may is told so, whatever it is, and not to come again")
    func tooLong() async throws {
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            try await self.events(1, api)
            try await self.park(api)
            try await api.database.script(
                """
                ALTER TABLE skillrelay.outbox_dead RENAME TO dead;
                CREATE VIEW skillrelay.outbox_dead AS SELECT dead.* FROM skillrelay.dead, pg_sleep(60)
                """)
            async let stats = api.operator.send("GET", "/admin/v1/stats")
            async let verify = api.operator.send("GET", "/admin/v1/verify")
            for answer in try await [stats, verify] {
                try expect(answer, 422, "it took longer than 7 seconds")
                #expect(answer.headers["retry-after"] == nil)
            }
        }
    }

    @Test("with the database away it is told so, at once")
    func databaseAway() async throws {
        let server = ServerUnderTest(
            // Port 9 (discard) of the loopback: nothing listens there.
            databaseURL: "postgresql://u@127.0.0.1:9/none", operatorToken: APIFixture.operatorToken
        )
        try await server.run { port in
            let client = HTTPProbe(port: port, headers: ["authorization": "Bearer \(APIFixture.operatorToken)"])
            try expect(
                try await client.send("GET", "/admin/v1/stats"), 503,
                "the database is unavailable or busy, nothing was changed: retry")
        }
    }
}
