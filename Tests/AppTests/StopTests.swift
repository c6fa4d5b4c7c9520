import Foundation
import Postgres
import Support
import Testing

@Suite("Stopping serve with a request under way")
struct StopTests {
    /// Serves, with a request under way that waits for a lock which `release` gives back.
    private func withWaitingRequest(
        _ body: (
            _ process: ServiceProcess,
            _ answer: Task<HTTPAnswer, any Error>,
            _ release: () async throws -> Void
        ) async throws -> Void
    ) async throws {
        try await withTestServers { database, vhost in
            let environment = [
                "DATABASE_URL": database.url, "RABBITMQ_URL": vhost.url, "SKILLRELAY_PORT": "0",
                "ROOT_SECRET_PEPPER": "pepper", "ROOT_API_BEARER_TOKEN": "token",
            ]
            try await withService(environment: environment) { process in
                let authorization = ["authorization": "Bearer sk-ac-token"]
                let probe = HTTPProbe(port: try await process.port(), headers: authorization)
                try await eventually("the token is known") {
                    try await probe.send("GET", "/api/v1/ping").status == 200
                }
                try await database.connection.perform { session in
                    try session.begin()
                    try session.script("LOCK TABLE public.sessions IN ACCESS EXCLUSIVE MODE")
                }
                // Owned by this scope: the process's end, before the scope's, ends it.
                let answer = Task { try await probe.send("POST", "/api/v1/session", body: "{}") }
                try await eventually("the request waits") {
                    try await database.value(Self.countWaiting, as: Int64.self) > 0
                }
                try await body(process, answer) {
                    try await database.connection.perform { session in try session.rollback() }
                }
            }
        }
    }

    /// In this database; other tests have locks of their own.
    private static let countWaiting = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        """

    @Test("the first signal lets the request finish, with its own answer", .timeLimit(.minutes(2)))
    func finishes() async throws {
        try await self.withWaitingRequest { process, answer, release in
            process.signal(SIGTERM)
            try await eventually("it is stopping") { process.log.contains("stopping") }
            try await release()
            let status = try await answer.value.status
            #expect(status == 201)
            let exit = try await process.exit(within: .seconds(10))
            #expect(exit == .exited(0))
        }
    }

    @Test("the second signal ends it at once", .timeLimit(.minutes(2)), arguments: [SIGTERM, SIGINT])
    func secondSignal(number: Int32) async throws {
        try await self.withWaitingRequest { process, answer, _ in
            process.signal(SIGTERM)
            try await eventually("it is stopping") { process.log.contains("stopping") }
            process.signal(number)
            let exit = try await process.exit()
            #expect(exit == .killed(signal: number))
            _ = await answer.result
        }
    }
}
