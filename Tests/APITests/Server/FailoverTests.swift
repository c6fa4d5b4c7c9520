import Foundation
import Glibc
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("The API while its database fails", .timeLimit(.minutes(2)))
struct FailoverTests {
    private static let success = #"{"status":"success"}"#
    private static let unchanged = "the database is unavailable or busy, nothing was changed: retry"
    private static let unknown = "the database was lost, whether the request took effect is unknown: retry"

    /// The service's backend that waits for a lock, once there is one.
    private static func waitingBackend(_ api: APIFixture) async throws -> Int32 {
        try await eventually("a request waits for the row") {
            // Not pg_stat_activity, which stands still inside the transaction that holds the row.
            try await api.database.values("SELECT pid FROM pg_locks WHERE NOT granted", as: Int32.self).first
        }
    }

    /// Ends the service's sessions.
    private static func terminateAll(_ database: TestDatabase) async throws {
        _ = try await database.values(
            """
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'skillrelay'
            """,
            as: Bool.self
        )
    }

    @Test("does not show that idle sessions were ended")
    func idleSessions() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            for _ in 0..<5 {
                let _: TaskBody = try await api.client.send("PATCH", path, body: Self.success).data()
                try await Self.terminateAll(api.database)
            }
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
            #expect(try await api.eventCount() == 5)
        }
    }

    @Test("answers 200 once when the backend is ended, or freezes, inside the change", arguments: [true, false])
    func backendLost(freezes: Bool) async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            try await api.database.script("BEGIN; SELECT FROM public.tasks FOR UPDATE")
            async let answer = api.client.send("PATCH", path, body: Self.success)
            let backend = try await Self.waitingBackend(api)
            if freezes {
                try #require(kill(backend, SIGSTOP) == 0, "the server runs on this machine, under a user we may signal")
            } else {
                try await Self.terminateAll(api.database)
            }
            defer { kill(backend, SIGCONT) }
            try await api.database.script("COMMIT")
            let task: TaskBody = try await answer.data()
            #expect(task.status == "success")
            #expect(try await api.eventCount() == 1)

            kill(backend, SIGCONT)
            try await eventually("the backend has ended") {
                try await api.database.value("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", [.int4(backend)])
                    == 0
            }
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("holds no request past its deadline while everything is silent, and recovers by itself")
    func silence() async throws {
        var limits = APILimits()
        limits.requestDeadline = .seconds(3)
        try await withProxiedAPI(limits: limits) { api, proxy in
            let path = try await api.makeLearningTask()
            let list = "/api/v1/session/\(try await api.makeSession().lowercased)/task"
            #expect(try await api.client.send("GET", list).status == 200)
            proxy.hold()
            let start = ContinuousClock.now
            let unknown = try await withThrowingTaskGroup(of: (isRead: Bool, answer: HTTPAnswer).self) { group in
                for number in 0..<20 {
                    let isRead = number.isMultiple(of: 2)
                    group.addTask {
                        let answer =
                            try await isRead
                            ? api.client.send("GET", list)
                            : api.client.send("PATCH", path, body: Self.success)
                        return (isRead, answer)
                    }
                }
                return try await group.reduce(into: 0) { unknown, request in
                    let (isRead, answer) = request
                    #expect(answer.status == 503 && answer.headers["retry-after"] == "1")
                    let isUnchanged = answer.text.contains("nothing was changed")
                    #expect(isUnchanged || !isRead && answer.text.contains("is unknown"), "\(answer.text)")
                    if !isUnchanged { unknown += 1 }
                }
            }
            #expect(ContinuousClock.now - start < .milliseconds(3500))
            try expect(try await api.client.send("GET", "/health"), 200, "ok")
            proxy.heal()
            try await eventually("requests are answered again") {
                try await api.client.send("PATCH", path, body: Self.success).status == 200
            }
            // What was sent into the silence, and called unknown, may have arrived after it.
            let events = try await api.eventCount()
            #expect((1...(1 + unknown)).contains(events))
        }
    }

    @Test("holds no request past its deadline while its COMMIT is silent; a repeat under its key has one event")
    func silentCommit() async throws {
        var limits = APILimits()
        limits.requestDeadline = .seconds(2)
        try await withProxiedAPI(limits: limits) { api, proxy in
            let path = try await api.makeLearningTask()
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
            let key = ["idempotency-key": "one"]
            proxy.arm(.toServer, on: "COMMIT", .hold)
            let start = ContinuousClock.now
            let answer = try await api.client.send("PATCH", path, headers: key, body: Self.success)
            #expect(ContinuousClock.now - start < .milliseconds(2300))
            try expect(answer, 503, Self.unknown)
            #expect(proxy.hasFired)
            proxy.heal()
            try await eventually("the repeat is answered") {
                try await api.client.send("PATCH", path, headers: key, body: Self.success).status == 200
            }
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("answers at once while the database is known to be away, and recovers by itself")
    func outage() async throws {
        try await withProxiedAPI { api, proxy in
            let path = try await api.makeLearningTask()
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
            proxy.refuse()
            proxy.reset()
            try await eventually("the loss is noticed") {
                try await api.client.send("GET", "/api/v1/ping").status == 503
            }
            for _ in 0..<20 {
                let start = ContinuousClock.now
                try expect(try await api.client.send("PATCH", path, body: Self.success), 503, Self.unchanged)
                #expect(ContinuousClock.now - start < .milliseconds(100))
            }
            proxy.open()
            try await eventually("requests are answered again") {
                try await api.client.send("PATCH", path, body: Self.success).status == 200
            }
            #expect(try await api.eventCount() == 1)
        }
    }

    @Test("goes to the next of several servers when the one it uses is gone, or silent", arguments: [true, false])
    func nextServer(isSilent: Bool) async throws {
        try await withTestDatabase { database in
            let url = try TestURL(database.url)
            try await withFaultProxy(to: url.port) { first in
                try await withFaultProxy(to: url.port) { second in
                    first.open()
                    let servers = database.url.replacing(
                        "127.0.0.1:\(url.port)", with: "127.0.0.1:\(first.port),127.0.0.1:\(second.port)"
                    )
                    let options = "?target_session_attrs=read-write&connect_timeout=2"
                    try await withAPI(on: database, at: servers + options) { api in
                        let path = try await api.makeLearningTask()
                        let _: TaskBody = try await api.client.send("PATCH", path, body: Self.success).data()
                        #expect(first.connectionCount > 0 && second.connectionCount == 0)
                        second.open()
                        if isSilent {
                            first.hold()
                        } else {
                            first.refuse()
                            first.reset()
                        }
                        try await eventually("the second serves") {
                            try await api.client.send("PATCH", path, body: Self.success).status == 200
                        }
                        #expect(second.connectionCount > 0)
                        #expect(try await api.eventCount() == 2)
                    }
                }
            }
        }
    }

    @Test("answers 503 on a server that takes no writes, and looks for one that does")
    func readOnly() async throws {
        for options in ["", "?target_session_attrs=read-write"] {
            try await withTestDatabase { database in
                try await withAPI(on: database, at: database.url + options) { api in
                    let path = try await api.makeLearningTask()
                    let list = "/api/v1/session/\(try await api.makeSession().lowercased)/task"
                    let _: TaskBody = try await api.client.send("PATCH", path, body: Self.success).data()
                    let name: String = try await database.value("SELECT current_database()::text")
                    try await database.script("ALTER DATABASE \"\(name)\" SET default_transaction_read_only = on")
                    try await Self.terminateAll(database)
                    try await eventually("writes are refused") {
                        try await api.client.send("PATCH", path, body: Self.success).status == 503
                    }
                    try expect(try await api.client.send("PATCH", path, body: Self.success), 503, Self.unchanged)
                    let read = try await api.client.send("GET", list)
                    #expect(read.status == (options.isEmpty ? 200 : 503))

                    try await database.script("ALTER DATABASE \"\(name)\" RESET default_transaction_read_only")
                    try await eventually("writes are taken again, with no session ended from outside") {
                        try await api.client.send("PATCH", path, body: Self.success).status == 200
                    }
                    #expect(try await api.eventCount() == 2)
                }
            }
        }
    }

    @Test("answers 503 while the server has no connection to give, and goes on when it has")
    func tooManyConnections() async throws {
        try await withAPI { api in
            let path = try await api.makeLearningTask()
            let name: String = try await api.database.value("SELECT current_database()::text")
            // The test's own.
            try await api.database.script("ALTER DATABASE \"\(name)\" CONNECTION LIMIT 1")
            try await Self.terminateAll(api.database)
            try await eventually("there are none") {
                try await api.client.send("PATCH", path, body: Self.success).status == 503
            }
            try expect(try await api.client.send("GET", "/api/v1/ping"), 503, Self.unchanged)
            try await api.database.script("ALTER DATABASE \"\(name)\" CONNECTION LIMIT -1")
            try await eventually("there are again") {
                try await api.client.send("PATCH", path, body: Self.success).status == 200
            }
        }
    }

    @Test("answers 503 for a task whose row somebody holds, and others as ever, however many ask for the one")
    func hotTask() async throws {
        try await withAPI { api in
            let (hot, other) = (try await api.makeLearningTask(), try await api.makeLearningTask())
            let _: TaskBody = try await api.client.send("PATCH", other, body: Self.success).data()
            let id = try #require(hot.split(separator: "/").dropLast().last)
            try await api.database.script("BEGIN; SELECT FROM public.tasks WHERE id = '\(id)' FOR UPDATE")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let start = ContinuousClock.now
                        try expect(try await api.client.send("PATCH", hot, body: Self.success), 503, Self.unchanged)
                        #expect(ContinuousClock.now - start < .seconds(4))
                    }
                }
                for _ in 0..<30 {
                    let start = ContinuousClock.now
                    let _: TaskBody = try await api.client.send("PATCH", other, body: Self.success).data()
                    #expect(ContinuousClock.now - start < .milliseconds(500))
                    try await Task.sleep(for: .milliseconds(20))
                }
                try await group.waitForAll()
            }
            try await api.database.script("COMMIT")
            let _: TaskBody = try await api.client.send("PATCH", hot, body: Self.success).data()
        }
    }
}
