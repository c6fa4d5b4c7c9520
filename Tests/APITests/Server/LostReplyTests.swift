import Foundation
import Support
import Testing

@testable import API

@Suite("A change whose connection to PostgreSQL is lost", .timeLimit(.minutes(2)))
struct LostReplyTests {
    private static let success = #"{"status":"success"}"#
    private static let unknown = "the database was lost, whether the request took effect is unknown: retry"
    private static let unchanged = "the database is unavailable or busy, nothing was changed: retry"

    /// A task whose status was set to `running` once, so that the statement is prepared on the connection that is used next.
    private static func preparedTask(_ api: APIFixture) async throws -> String {
        let path = try await api.makeLearningTask()
        let _: TaskBody = try await api.client.send("PATCH", path, body: #"{"status":"running"}"#).data()
        return path
    }

    @Test(
        "is resolved within the request: 200, one event, whether or not the statement had come through",
        arguments: [FaultProxy.Action.loseReply, .reset, .hold, .holdReply]
    )
    func status(action: FaultProxy.Action) async throws {
        try await withProxiedAPI { api, proxy in
            let path = try await Self.preparedTask(api)
            proxy.arm(.toServer, on: "tasks.setStatus", action)
            let task: TaskBody = try await api.client.send("PATCH", path, body: Self.success).data()
            #expect(proxy.hasFired && task.status == "success")
            #expect(try await api.eventCount() == 1)
            #expect(api.wakes.value == 1)

            // What was held comes late, from a client that has gone: the event's id refuses it.
            proxy.heal()
            try await eventually("the first connection has ended") {
                try await api.database.value(
                    """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'skillrelay' AND state = 'active'
                    """
                ) == 0
            }
            #expect(try await api.eventCount() == 1)
            #expect(try await api.database.value("SELECT count(*) FROM skillrelay.outbox_pending") == 1)
        }
    }

    @Test(
        "is resolved for an appended task as well: one task, one event",
        arguments: [FaultProxy.Action.loseReply, .reset, .holdReply]
    )
    func append(action: FaultProxy.Action) async throws {
        try await withProxiedAPI { api, proxy in
            let path = try await api.makeLearningTask().replacing(#/task/.*/#, with: "task")
            proxy.arm(.toServer, on: "COMMIT", action)
            let body = #"{"task_description": "new", "status": "success"}"#
            let task: TaskBody = try await api.client.send("POST", path, body: body).data(status: 201)
            #expect(proxy.hasFired && task.order == 2)
            #expect(try await api.database.value("SELECT count(*) FROM public.tasks") == 2)
            #expect(try await api.eventCount() == 1)
            #expect(api.wakes.value == 1)
        }
    }

    @Test(
        "is resolved for a message as well: one message, one event, each call answered once",
        arguments: [FaultProxy.Action.loseReply, .reset, .holdReply]
    )
    func message(action: FaultProxy.Action) async throws {
        try await withProxiedAPI { api, proxy in
            let session = try await api.makeSession()
            let call = #"{"functionCall":{"name":"f"}}"#
            let asked = try await api.client.storeMessage(
                #"{"role":"model","parts":[\#(call),\#(call)]}"#, format: "gemini", in: session
            )
            #expect(asked.status == 201)
            proxy.arm(.toServer, on: "COMMIT", action)
            let answered = try await api.client.storeMessage(
                #"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}"#, format: "gemini",
                in: session
            )
            #expect(proxy.hasFired && answered.status == 201)
            #expect(try await api.database.value("SELECT count(*) FROM public.messages") == 2)
            #expect(try await api.eventCount() == 2 && api.wakes.value == 2)
            let open =
                "SELECT jsonb_array_length(meta -> '__gemini_call_info__') FROM public.messages WHERE parent_id IS NULL"
            #expect(try await api.database.value(open) == 1)
        }
    }

    @Test("waits for the row while the lost connection's backend still holds it")
    func rowIsHeld() async throws {
        try await withProxiedAPI { api, proxy in
            let path = try await Self.preparedTask(api)
            try await api.database.script("BEGIN; SELECT FROM public.tasks FOR UPDATE")
            proxy.arm(.toServer, on: "tasks.setStatus", .reset)
            async let answer = api.client.send("PATCH", path, body: Self.success)
            // Not before the second attempt waits for the row.
            try await eventually("a retry waits") {
                try await api.database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
            }
            try await Task.sleep(for: .milliseconds(1200))  // longer than its lock_timeout: there is a third
            try await api.database.script("COMMIT")
            let task: TaskBody = try await answer.data()
            #expect(task.status == "success")
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("is unknown, and said to be, when it cannot be resolved by the deadline")
    func unresolved() async throws {
        var limits = APILimits()
        limits.requestDeadline = .seconds(3)
        try await withProxiedAPI(limits: limits) { api, proxy in
            let path = try await Self.preparedTask(api)
            try await api.database.script("BEGIN; SELECT FROM public.tasks FOR UPDATE")
            proxy.arm(.toServer, on: "tasks.setStatus", .reset)
            let start = ContinuousClock.now
            let answer = try await api.client.send("PATCH", path, body: Self.success)
            try expect(answer, 503, Self.unknown)
            #expect(answer.headers["retry-after"] == "1")
            #expect((.seconds(2)...(.milliseconds(3300))).contains(ContinuousClock.now - start))
            try await api.database.script("COMMIT")
        }
    }

    @Test("is unknown when the server does not come back")
    func serverGone() async throws {
        var limits = APILimits()
        limits.requestDeadline = .seconds(2)
        try await withProxiedAPI(limits: limits) { api, proxy in
            let path = try await Self.preparedTask(api)
            proxy.arm(.toServer, on: "tasks.setStatus", .loseReply)
            proxy.refuse()
            try expect(try await api.client.send("PATCH", path, body: Self.success), 503, Self.unknown)
            #expect(try await api.eventCount() == 1)

            // Known to be away: at once, and nothing is in doubt.
            let start = ContinuousClock.now
            let second = try await api.client.send("PATCH", path, body: Self.success)
            try expect(second, 503, Self.unchanged)
            #expect(ContinuousClock.now - start < .milliseconds(500))
            proxy.open()
            try await eventually("the pool has recovered by itself") {
                try await api.client.send("PATCH", path, body: Self.success).status == 200
            }
            #expect(try await api.eventCount() == 2)
        }
    }

    @Test(
        "is not in doubt while only the token was read: the request goes on",
        arguments: [FaultProxy.Action.reset, .loseReply])
    func reads(action: FaultProxy.Action) async throws {
        try await withProxiedAPI { api, proxy in
            let path = try await Self.preparedTask(api)
            // A token that is not remembered yet.
            let token = try await api.makeProject().token
            proxy.arm(.toServer, on: "projects.find", action)
            try expect(try await api.client(token: token).send("GET", "/api/v1/ping"), 200, "pong")
            let list = path.replacing(#/task/.*/#, with: "task")
            let _: TaskPage = try await api.client.send("GET", list).data()
            proxy.arm(.toServer, on: "tasks.listOldestFirst", action)
            let page: TaskPage = try await api.client.send("GET", list).data()
            #expect(page.items.count == 1 && proxy.timesSprung == 2)
        }
    }

    @Test(
        "is tried three times when the server rolled it back for another's sake, then it is 503",
        arguments: ["40001", "40P01"], [2, 3]
    )
    func rolledBack(state: String, failures: Int) async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            // A sequence keeps its number when the transaction is rolled back.
            try await api.database.script(
                """
                CREATE SEQUENCE public.tries;
                CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF nextval('public.tries') <= \(failures) THEN RAISE EXCEPTION USING ERRCODE = '\(state)'; END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER fail BEFORE UPDATE ON public.tasks FOR EACH ROW EXECUTE FUNCTION public.fail();
                """
            )
            let answer = try await api.client.send("PATCH", path, body: Self.success)
            if failures < 3 {
                #expect(answer.status == 200)
            } else {
                try expect(answer, 503, Self.unchanged)
            }
            #expect(try await api.database.value("SELECT last_value FROM public.tries") == 3)
            #expect(try await api.eventCount() == (failures < 3 ? 1 : 0))
        }
    }
}
